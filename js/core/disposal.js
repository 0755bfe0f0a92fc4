/// <reference lib="esnext.disposable" preserve="true" />
// `using` and `await using`, also in engines that do not have these symbols yet.

/** @type {typeof Symbol.dispose} */
export const DISPOSE = Symbol.dispose ?? Symbol('Symbol.dispose');

/** @type {typeof Symbol.asyncDispose} */
export const ASYNC_DISPOSE = Symbol.asyncDispose ?? Symbol('Symbol.asyncDispose');
