// How the process ends.

/** The worst of what happened is the exit code. */
export const EXIT = /** @type {const} */ ({ good: 0, refused: 1, usage: 2, unread: 3 });

/** The command line is wrong. */
export class Usage extends Error {}
