// A feedback delay network that plays: what amtlib.fdn.process_fdn computes, in float64, while its numbers move.
// Source: Jot and Chaigne (1991), AES 90th Convention, 3030; sections in transposed direct form II.
// Nothing here is a browser's: the worklet, the page itself and the tests run the same module.

/** @import {NetworkNumbers} from "./types" */

// Smaller numbers count as silence: far below any sound, far above where processors slow down.
const SILENCE = 1e-100
// A larger output, re full scale, is that of a network that does not decay: it is stopped.
const LOUDEST = 1e6
// Numbers of a second-order section: b0 b1 b2 a1 a2, divided by a0.
const SECTION = 5

/**
 * @param {Float64Array} sos shape (sections, 6, channels), rows b0 b1 b2 a0 a1 a2
 * @param {number} channels
 * @returns {Float64Array} shape (sections, channels, 5)
 */
function normalised(sos, channels) {
  const sections = sos.length / 6 / channels
  const found = new Float64Array(sections * channels * SECTION)
  for (let section = 0; section < sections; section += 1)
    for (let channel = 0; channel < channels; channel += 1) {
      const [b0, b1, b2, a0, a1, a2] = [0, 1, 2, 3, 4, 5].map((row) => sos[(6 * section + row) * channels + channel])
      found.set([b0 / a0, b1 / a0, b2 / a0, a1 / a0, a2 / a0], (section * channels + channel) * SECTION)
    }
  return found
}

/**
 * @param {NetworkNumbers} build
 * @returns {Float64Array[]} matrix, input gains, output gains, direct path, filters of lines, after the matrix, of outputs,
 *   depths of rotations
 */
function partsOf({A, B, C, D, delays, filters, post_matrix, post_eq, modulation}) {
  const lines = delays.length
  const depths = modulation.slice(0, modulation.length / 3)
  return [
    A, B, C, D, normalised(filters, lines), normalised(post_matrix, lines), normalised(post_eq, C.length / lines), depths,
  ]
}

/** One network from rest. */
export class Network {
  /** @param {NetworkNumbers} build */
  constructor(build) {
    const parts = partsOf(build)
    let end = 0
    /** Where each part begins among the numbers. @type {number[]} */
    this.places = parts.map((part) => (end += part.length) - part.length)
    this.numbers = new Float64Array(end)
    parts.forEach((part, i) => this.numbers.set(part, this.places[i]))
    this.delays = Int32Array.from(build.delays)
    /** Rates of the rotations, and where they begin. */
    this.rates = build.modulation.slice(parts[7].length, 2 * parts[7].length)
    this.phases = build.modulation.slice(2 * parts[7].length)
    /** How far the rotations are, besides what follows from their rates, in turns. */
    this.ahead = new Float64Array(parts[7].length)
    this.time = 0
    this.inputs = build.B.length / this.delays.length
    this.outputs = build.C.length / this.delays.length
    /** What the lines have yet to hear of each input, and where its oldest sample stands. */
    this.held = Array.from({length: this.inputs}, () => new Float64Array(build.pre_delay[0]))
    this.oldest = 0
    this.shortest = Math.min(...this.delays)
    // What is in each delay line; its oldest sample stands where the next one goes.
    this.lines = Array.from(this.delays, (delay) => new Float64Array(delay))
    this.heads = new Int32Array(this.delays.length)
    // Two for each section; of the lines, after the matrix, of the outputs.
    this.states = [4, 5, 6].map((part) => new Float64Array(parts[part].length / SECTION * 2))
    /** A block of each line's output, and of what is fed to one line. @type {Float64Array[]} */
    this.left = []
    this.fed = new Float64Array(0)
    /** What the numbers move to, by so much a sample, for so many samples. @type {Float64Array} */
    this.target = this.numbers
    this.step = new Float64Array(end)
    this.moving = 0
    this.overflowed = false
  }

  /**
   * @param {NetworkNumbers} build
   * @returns {boolean} whether this network can become that one without another delay, pre-delay, input, output, section,
   *   or phase of a rotation
   */
  fits(build) {
    const ends = [...this.places.slice(1), this.numbers.length]
    const phases = build.modulation.slice(2 * build.modulation.length / 3)
    return build.delays.length === this.delays.length && this.delays.every((delay, i) => delay === build.delays[i]) &&
      build.pre_delay[0] === this.held[0].length &&
      phases.length === this.phases.length && phases.every((phase, i) => phase === this.phases[i]) &&
      partsOf(build).every((part, i) => part.length === ends[i] - this.places[i])
  }

  /**
   * Move to the numbers of another network that fits, evenly, within so many samples. Between two orthogonal matrices no
   * matrix has a gain above 1, and between two stable sections none is unstable. Rotations go on from where they are, at
   * another rate: the sound bends, and nothing jumps.
   * @param {NetworkNumbers} build
   * @param {number} samples
   */
  moveTo(build, samples) {
    const target = new Float64Array(this.numbers.length)
    partsOf(build).forEach((part, i) => target.set(part, this.places[i]))
    this.target = target
    this.step = target.map((value, i) => (value - this.numbers[i]) / samples)
    this.moving = this.step.some((step) => step !== 0) ? samples : 0
    const rates = build.modulation.slice(this.rates.length, 2 * this.rates.length)
    rates.forEach((rate, pair) => { this.ahead[pair] = (this.ahead[pair] + (this.rates[pair] - rate) * this.time) % 1 })
    this.rates = rates
  }

  /**
   * @param {Float64Array[]} x one array an input
   * @param {Float64Array[]} y one array an output, of the same length: takes what the network makes of it
   */
  process(x, y) {
    const samples = y[0].length
    for (let from = 0; from < samples && !this.overflowed;) {
      // No line's end is reached by its own beginning within a block, and all of a block moves or rests.
      const to = Math.min(samples, from + this.shortest, this.moving ? from + this.moving : samples)
      this.#block(x, y, from, to)
      if (this.moving) this.#move(to - from)
      from = to
    }
    if (this.overflowed) for (const each of y) each.fill(0)
  }

  /** @param {number} samples */
  #move(samples) {
    const {numbers, step, target} = this
    this.moving -= samples
    if (this.moving) for (let i = 0; i < numbers.length; i += 1) numbers[i] += samples * step[i]
    else {
      numbers.set(target)
      step.fill(0)
    }
  }

  /**
   * @param {Float64Array[]} x
   * @param {Float64Array[]} y
   * @param {number} from
   * @param {number} to
   */
  #block(x, y, from, to) {
    const {lines, heads, places: [a, b, c, d]} = this
    const length = to - from, count = lines.length
    if (this.fed.length < length) {
      this.fed = new Float64Array(length)
      this.left = lines.map(() => new Float64Array(length))
    }
    const {left, fed} = this
    for (let i = 0; i < count; i += 1) {
      const line = lines[i], out = left[i]
      let head = heads[i]
      for (let t = 0; t < length; t += 1) {
        out[t] = line[head]
        head = head + 1 === line.length ? 0 : head + 1
      }
      this.#filter(0, i, count, out, 0, length)
    }
    for (let o = 0; o < this.outputs; o += 1) {
      const wet = y[o]
      wet.fill(0, from, to)
      for (let i = 0; i < count; i += 1) this.#add(wet, from, left[i], 0, length, c + o * count + i)
      this.#filter(2, o, this.outputs, wet, from, to)
      for (let n = 0; n < this.inputs; n += 1) this.#add(wet, from, x[n], from, length, d + o * this.inputs + n)
      for (let t = from; t < to; t += 1) if (!(Math.abs(wet[t]) < LOUDEST)) this.overflowed = true
    }
    this.#rotate(length)
    this.time += length
    const late = this.#hold(x, from, to)
    for (let i = 0; i < count; i += 1) {
      fed.fill(0, 0, length)
      for (let j = 0; j < count; j += 1) this.#add(fed, 0, left[j], 0, length, a + i * count + j)
      this.#filter(1, i, count, fed, 0, length)
      for (let n = 0; n < this.inputs; n += 1) this.#add(fed, 0, late[n], 0, length, b + i * this.inputs + n)
      const line = lines[i]
      let head = heads[i]
      for (let t = 0; t < length; t += 1) {
        line[head] = Math.abs(fed[t]) < SILENCE ? 0 : fed[t]
        head = head + 1 === line.length ? 0 : head + 1
      }
      heads[i] = head
    }
  }

  /**
   * @param {Float64Array[]} x
   * @param {number} from
   * @param {number} to
   * @returns {Float64Array[]} what the lines hear in a block: each input as it was a pre-delay ago
   */
  #hold(x, from, to) {
    const pre = this.held[0].length
    if (!pre) return x.map((input) => input.subarray(from, to))
    const late = this.held.map((held, n) => Float64Array.from({length: to - from}, (_, t) => {
      const place = (this.oldest + t) % pre, value = held[place]
      held[place] = x[n][from + t]
      return value
    }))
    this.oldest = (this.oldest + to - from) % pre
    return late
  }

  /**
   * Turn the pairs of lines, a block of what leaves them, in place.
   * @param {number} length
   */
  #rotate(length) {
    const {left, rates, phases, ahead, time, places: {7: place}} = this
    for (let pair = 0; pair < rates.length; pair += 1) {
      const one = left[2 * pair], other = left[2 * pair + 1]
      const depth = this.numbers[place + pair], step = this.step[place + pair]
      if (depth || step) for (let t = 0; t < length; t += 1) {
        const wave = Math.sin(2 * Math.PI * ((rates[pair] * (time + t) + ahead[pair]) % 1) + phases[pair])
        const angle = (depth + (t + 1) * step) * wave, cosine = Math.cos(angle), sine = Math.sin(angle)
        const x = one[t], y = other[t]
        one[t] = cosine * x - sine * y
        other[t] = sine * x + cosine * y
      }
    }
  }

  /**
   * Filter a block of one channel in place.
   * @param {number} which 0: of the lines, 1: after the matrix, 2: of the outputs
   * @param {number} channel
   * @param {number} channels
   * @param {Float64Array} block
   * @param {number} from
   * @param {number} to
   */
  #filter(which, channel, channels, block, from, to) {
    const {numbers, step} = this, states = this.states[which]
    for (let place = channel; 2 * place < states.length; place += channels) {
      const k = this.places[4 + which] + place * SECTION
      const moves = step[k] || step[k + 1] || step[k + 2] || step[k + 3] || step[k + 4]
      let b0 = numbers[k], b1 = numbers[k + 1], b2 = numbers[k + 2], a1 = numbers[k + 3], a2 = numbers[k + 4]
      let first = states[2 * place], second = states[2 * place + 1]
      for (let t = from; t < to; t += 1) {
        if (moves) {
          b0 += step[k]
          b1 += step[k + 1]
          b2 += step[k + 2]
          a1 += step[k + 3]
          a2 += step[k + 4]
        }
        const x = block[t], y = b0 * x + first
        first = b1 * x - a1 * y + second
        second = b2 * x - a2 * y
        block[t] = y
      }
      states[2 * place] = Math.abs(first) < SILENCE ? 0 : first
      states[2 * place + 1] = Math.abs(second) < SILENCE ? 0 : second
    }
  }

  /**
   * Add a block of one sound to another, with one of the numbers as its gain.
   * @param {Float64Array} sum
   * @param {number} at
   * @param {Float64Array} values
   * @param {number} from
   * @param {number} length
   * @param {number} place
   */
  #add(sum, at, values, from, length, place) {
    const gain = this.numbers[place], step = this.step[place]
    if (step) for (let t = 0; t < length; t += 1) sum[at + t] += (gain + (t + 1) * step) * values[from + t]
    else for (let t = 0; t < length; t += 1) sum[at + t] += gain * values[from + t]
  }
}
