// A small seeded generator (xorshift32), so that a failure can be run again.

export class Random {
  #state;

  constructor(seed) {
    this.#state = seed >>> 0 || 1;
  }

  u32() {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x >>> 0;
    return this.#state;
  }

  /** An integer in 0 ..= most. */
  upTo(most) {
    return this.u32() % (most + 1);
  }

  /** True once in `times`. */
  oneIn(times) {
    return this.u32() % times === 0;
  }

  pick(items) {
    return items[this.u32() % items.length];
  }

  i32() {
    return this.u32() | 0;
  }

  i64() {
    return BigInt.asIntN(64, (BigInt(this.u32()) << 32n) | BigInt(this.u32()));
  }
}
