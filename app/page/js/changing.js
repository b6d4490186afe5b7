// A network that is replaced while it plays, without a click.

/** @import {NetworkNumbers} from "./types" */

import {Fader, equalPower} from "./fader.js"
import {Network} from "./network.js"

/** Numbers of equal delays move, and the sound in the lines goes on; another network is faded in from rest. */
export class ChangingNetwork {
  /** @param {number} samples that a change takes */
  constructor(samples) {
    this.samples = samples
    /** @type {Network | null} */
    this.network = null
    /** The one that is being faded out. @type {Network | null} */
    this.leaving = null
    /** What comes after the fade. @type {NetworkNumbers | null} */
    this.waiting = null
    this.fader = new Fader(1, samples)
  }

  /** @param {NetworkNumbers} build */
  load(build) {
    if (this.network?.fits(build) && !this.network.overflowed) {
      this.waiting = null
      this.network.moveTo(build, this.samples)
    } else if (this.leaving) this.waiting = build
    else {
      this.leaving = this.network
      this.network = new Network(build)
      this.fader.jumpTo(this.leaving ? 0 : 1)
      this.fader.moveTo(1)
    }
  }

  /** @returns {boolean} whether the network does not decay, and was stopped */
  get overflowed() {
    return this.network?.overflowed ?? false
  }

  /**
   * @param {Float64Array} x
   * @param {Float64Array} y takes the network's first output
   */
  process(x, y) {
    sound(this.network, x, y)
    if (!this.leaving) return
    const before = new Float64Array(y.length)
    sound(this.leaving, x, before)
    for (let t = 0; t < y.length; t += 1) {
      const place = this.fader.next()
      y[t] = equalPower(place) * y[t] + equalPower(1 - place) * before[t]
    }
    if (!this.fader.rests) return
    this.leaving = null
    const {waiting} = this
    this.waiting = null
    if (waiting) this.load(waiting)
  }
}

/**
 * Send a sound into every input of a network, and take its first output.
 * @param {Network | null} network
 * @param {Float64Array} x
 * @param {Float64Array} y
 */
function sound(network, x, y) {
  if (!network) {
    y.fill(0)
    return
  }
  const others = Array.from({length: network.outputs - 1}, () => new Float64Array(y.length))
  network.process(Array(network.inputs).fill(x), [y, ...others])
}
