// What moves from one value to another evenly, and turns round wherever it is when it is sent elsewhere.

export class Fader {
  /**
   * @param {number} value
   * @param {number} samples that a move takes
   */
  constructor(value, samples) {
    this.value = value
    this.target = value
    this.samples = samples
    this.step = 0
  }

  /** @param {number} target */
  moveTo(target) {
    this.target = target
    this.step = Math.abs(target - this.value) / this.samples
  }

  /** @param {number} value where it is at once, and rests */
  jumpTo(value) {
    this.value = this.target = value
  }

  /** @returns {number} the value of the next sample */
  next() {
    const {value, target, step} = this
    if (value < target) this.value = Math.min(value + step, target)
    else if (value > target) this.value = Math.max(value - step, target)
    return this.value
  }

  /** @returns {boolean} whether it has arrived */
  get rests() {
    return this.value === this.target
  }
}

/**
 * Gain at a place between 0 and 1 of a crossfade of equal power: the squares of two that move against each other add up
 * to 1.
 * @param {number} place
 * @returns {number}
 */
export function equalPower(place) {
  return place === 1 ? 1 : Math.sin(place * Math.PI / 2)
}
