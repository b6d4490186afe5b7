// A ceiling that no sample passes: the gain falls smoothly before a peak comes, and recovers after it.

/** How far it looks ahead, and delays what passes, s. */
export const AHEAD_S = 0.0015
const RECOVERY_S = 0.2

export class Ceiling {
  /**
   * @param {number} height re full scale
   * @param {number} fs Hz
   */
  constructor(height, fs) {
    this.height = height
    this.ahead = Math.round(AHEAD_S * fs)
    this.recovery = 1 - Math.exp(-1 / (RECOVERY_S * fs))
    const size = this.ahead + 1
    // Of the last samples: themselves, the gain that each may have, and the gain that all around them may have.
    this.samples = new Float64Array(size)
    this.allowed = new Float64Array(size).fill(1)
    this.safe = new Float64Array(size).fill(1)
    this.sum = size
    this.at = 0
    // Since so many samples nothing has passed the ceiling; since so many the gain is 1.
    this.quiet = this.rested = size
    this.gain = 1
  }

  /** @param {Float64Array} x is delayed by `ahead` samples, and nowhere higher than the ceiling afterwards */
  process(x) {
    const {samples, allowed, safe, ahead, height} = this
    const size = ahead + 1
    for (let t = 0; t < x.length; t += 1) {
      const now = Number.isFinite(x[t]) ? x[t] : 0
      const high = Math.abs(now)
      const {at} = this
      samples[at] = now
      allowed[at] = high > height ? height / high : 1
      this.quiet = high > height ? 0 : Math.min(this.quiet + 1, size)
      const least = this.quiet === size ? 1 : minimum(allowed)
      this.gain = Math.min(least, this.gain + (1 - this.gain) * this.recovery)
      if (1 - this.gain < 1e-6 && least === 1) this.gain = 1
      this.rested = this.gain === 1 ? Math.min(this.rested + 1, size) : 0
      this.sum = this.rested === size ? size : this.sum + this.gain - safe[at]
      safe[at] = this.gain
      // Each of the gains that are averaged is one that the sample that leaves now may have.
      this.at = at + 1 === size ? 0 : at + 1
      x[t] = Math.min(Math.max(samples[this.at] * (this.sum / size), -height), height)
    }
  }
}

/** @param {Float64Array} values */
function minimum(values) {
  let found = 1
  for (let i = 0; i < values.length; i += 1) if (values[i] < found) found = values[i]
  return found
}
