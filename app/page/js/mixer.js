// What is heard of a sound: itself, two networks and a room, mixed at a level that is safe.

/** @import {MixerSettings} from "./types" */

import {Ceiling} from "./ceiling.js"
import {Fader, equalPower} from "./fader.js"
import {ChangingNetwork} from "./changing.js"

// Numbers of a network, what is heard and how much of it, change within so long, s.
export const FADE_S = 0.05
// No sample is higher, re full scale: -3 dB, as in all sounds of the page.
export const HIGHEST = 10 ** (-3 / 20)
/** What can be heard, one at a time: the networks before and now, the room. */
export const CHOICES = ["start", "now", "room"]
const BLOCK = 128

export class Mixer {
  /** @param {number} fs Hz */
  constructor(fs) {
    const samples = Math.round(FADE_S * fs)
    /** @type {Record<string, ChangingNetwork>} */
    this.voices = {start: new ChangingNetwork(samples), now: new ChangingNetwork(samples)}
    /** How much is heard of each. @type {Record<string, Fader>} */
    this.shares = Object.fromEntries(CHOICES.map((name) => [name, new Fader(0, samples)]))
    this.wet = new Fader(1, samples)
    this.open = new Fader(0, samples)
    this.gain = new Fader(1, samples)
    this.ceiling = new Ceiling(HIGHEST, fs)
    this.isFresh = true
    this.buffers = [0, 1, 2, 3].map(() => new Float64Array(BLOCK))
  }

  /** @returns {boolean} whether a network does not decay, and was stopped */
  get overflowed() {
    return Object.values(this.voices).some((voice) => voice.overflowed)
  }

  /** @returns {boolean} whether nothing is heard any more */
  get closed() {
    return this.open.target === 0 && this.open.rests
  }

  /**
   * Take what has changed. What is set before the first sound is there at once.
   * @param {MixerSettings} settings
   */
  set({networks = {}, choice, wet, gain, open}) {
    for (const [name, build] of Object.entries(networks)) this.voices[name].load(build)
    if (choice !== undefined)
      for (const [name, share] of Object.entries(this.shares)) this.#move(share, name === choice ? 1 : 0)
    if (wet !== undefined) this.#move(this.wet, wet)
    if (gain !== undefined) this.#move(this.gain, gain)
    if (open !== undefined) this.open.moveTo(open ? 1 : 0)
  }

  /**
   * @param {Fader} fader
   * @param {number} target
   */
  #move(fader, target) {
    if (this.isFresh) fader.jumpTo(target)
    else fader.moveTo(target)
  }

  /**
   * @param {Float32Array} dry
   * @param {Float32Array} room what the room makes of it
   * @param {Float32Array} out of the same length
   */
  process(dry, room, out) {
    this.isFresh = false
    for (let from = 0; from < out.length; from += BLOCK) {
      const length = Math.min(BLOCK, out.length - from)
      const [x, start, now, y] = this.buffers.map((buffer) => length === BLOCK ? buffer : buffer.subarray(0, length))
      for (let t = 0; t < length; t += 1) x[t] = dry[from + t]
      this.voices.start.process(x, start)
      this.voices.now.process(x, now)
      for (let t = 0; t < length; t += 1) {
        const {shares} = this
        const heard = equalPower(shares.start.next()) * start[t] + equalPower(shares.now.next()) * now[t] +
          equalPower(shares.room.next()) * room[from + t]
        const wet = this.wet.next()
        const mixed = equalPower(wet) * this.gain.next() * heard + equalPower(1 - wet) * x[t]
        y[t] = this.open.next() * mixed
      }
      this.ceiling.process(y)
      for (let t = 0; t < length; t += 1) out[from + t] = y[t]
    }
  }
}

// Root mean square at which sounds are played, re full scale: -26 dB, as all sounds of the page.
const USUAL = 10 ** (-26 / 20)

/**
 * Return the gain of a sound, and that of the network that it passes. Alone and through the network it is as strong as
 * other sounds of the page, or weaker, so that the peak of neither would pass the ceiling.
 * @param {Float32Array} samples
 * @param {{energy: number, peak: number}} response energy and peak of the network's impulse response
 * @returns {{sound: number, network: number}}
 */
export function levelsFor(samples, {energy, peak}) {
  let highest = 0, sum = 0
  for (const sample of samples) {
    highest = Math.max(highest, Math.abs(sample))
    sum += sample * sample
  }
  if (!sum || !energy) return {sound: 0, network: 0}
  const usual = USUAL / Math.sqrt(sum / samples.length)
  const sound = Math.min(usual, HIGHEST / highest)
  return {sound, network: Math.min(usual / Math.sqrt(energy), HIGHEST / (highest * peak)) / sound}
}
