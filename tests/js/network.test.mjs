import assert from "node:assert/strict"
import {test} from "node:test"

import {Network} from "../../app/page/js/network.js"

const NONE = new Float64Array(0)

/** Rows one after the other, as pages get them. */
function build({A, B, C, D, delays, filters = [], post_matrix = [], post_eq = [], modulation = [], pre_delay = 0}) {
  const flat = (rows) => Float64Array.from(rows.flat(3))
  return {
    A: flat(A), B: flat(B), C: flat(C), D: flat(D), delays: Int32Array.from(delays),
    pre_delay: Int32Array.of(pre_delay), filters: filters.length ? flat(filters) : NONE, post_matrix: post_matrix.length ? flat(post_matrix) : NONE,
    post_eq: post_eq.length ? flat(post_eq) : NONE, modulation: modulation.length ? flat(modulation) : NONE,
  }
}

const ROTATION = [[0.8, -0.6], [0.6, 0.8]]
// Rows b0 b1 b2 a0 a1 a2 of two channels, not divided by a0.
const SECTION = [[0.9, 1.2], [0.1, 0.3], [0.05, -0.1], [1, 2], [-0.2, 0.5], [0.1, -0.3]]
const SHELF = [[0.8, 0.7], [0.02, 0.03], [0, 0], [1, 1], [-0.1, -0.2], [0, 0]]

const FULL = {
  A: ROTATION, B: [[1, 0.2], [0.5, -0.3]], C: [[1, 0.3], [0.2, -0.7]], D: [[0.25, 0], [0.1, 0.6]], delays: [3, 5],
  filters: [SHELF, SECTION], post_matrix: [SHELF], post_eq: [SECTION], modulation: [[0.9], [0.004], [0.5]], pre_delay: 11,
}

/** The definition, one sample at a time: s = filters * delay(A R s + B x late), y = post_eq * (C s) + D x. */
function defined({A, B, C, D, delays, filters = [], post_matrix = [], post_eq = [], modulation, pre_delay = 0}, x) {
  const cascade = (sections, channel) => {
    const past = sections.map(() => ({x: [0, 0], y: [0, 0]}))
    return (value) => sections.reduce((input, section, i) => {
      const [b0, b1, b2, a0, a1, a2] = section.map((row) => row[channel])
      const {x: [x1, x2], y: [y1, y2]} = past[i]
      const output = (b0 * input + b1 * x1 + b2 * x2 - a1 * y1 - a2 * y2) / a0
      past[i] = {x: [input, x1], y: [output, y1]}
      return output
    }, value)
  }
  const queues = delays.map((delay) => Array(delay).fill(0))
  const inLoop = delays.map((_, i) => cascade(filters, i))
  const after = delays.map((_, i) => cascade(post_matrix, i))
  const equalisers = C.map((_, o) => cascade(post_eq, o))
  const turned = (s, t) => {
    if (!modulation) return s
    const [[depth], [rate], [phase]] = modulation, turns = typeof rate === "function" ? rate(t) : rate * t
    const angle = depth * Math.sin(2 * Math.PI * turns + phase)
    return [Math.cos(angle) * s[0] - Math.sin(angle) * s[1], Math.sin(angle) * s[0] + Math.cos(angle) * s[1]]
  }
  const times = (matrix, vector) => matrix.map((row) => row.reduce((sum, gain, i) => sum + gain * vector[i], 0))
  const y = C.map(() => [])
  for (let t = 0; t < x[0].length; t += 1) {
    const now = x.map((channel) => channel[t]), late = x.map((channel) => channel[t - pre_delay] ?? 0)
    const s = queues.map((queue, i) => inLoop[i](queue.shift()))
    const direct = times(D, now), wet = times(C, s), fed = times(A, turned(s, t)), input = times(B, late)
    y.forEach((channel, o) => channel.push(equalisers[o](wet[o]) + direct[o]))
    queues.forEach((queue, i) => queue.push(after[i](fed[i]) + input[i]))
  }
  return y
}

/** @param {number} seed */
function noise(length, seed) {
  let state = seed
  return Float64Array.from({length}, () => {
    state = (1664525 * state + 1013904223) % 2 ** 32
    return state / 2 ** 31 - 1
  })
}

/** What a network makes of inputs that come in pieces of these lengths, again and again. */
function played(network, x, pieces) {
  const y = Array.from({length: network.outputs}, () => new Float64Array(x[0].length))
  for (let from = 0, i = 0; from < x[0].length; i += 1) {
    const to = Math.min(from + pieces[i % pieces.length], x[0].length)
    network.process(x.map((each) => each.subarray(from, to)), y.map((each) => each.subarray(from, to)))
    from = to
  }
  return y
}

function assertClose(found, wanted, tolerance = 1e-12) {
  const worst = Math.max(...Array.from(found, (value, i) => Math.abs(value - wanted[i])))
  assert.ok(worst <= tolerance, `${worst} apart`)
}

test("an impulse comes back after the delay, weaker each time", () => {
  const comb = new Network(build({A: [[0.5]], B: [[1]], C: [[1]], D: [[1]], delays: [2]}))
  assert.deepEqual([...played(comb, [Float64Array.of(1, 0, 0, 0, 0)], [5])[0]], [1, 0, 1, 0, 0.5])
})

test("all matrices, gains and filters do what the definition says, in pieces of any length", () => {
  const x = [noise(500, 1), noise(500, 2)]
  const wanted = defined(FULL, x)
  for (const pieces of [[1], [128], [7, 1, 64], [3]]) {
    const found = played(new Network(build(FULL)), x, pieces)
    found.forEach((channel, o) => assertClose(channel, wanted[o]))
  }
})

test("a network fits one with the same delays, inputs, outputs and sections, and no other", () => {
  const network = new Network(build(FULL))
  assert.ok(network.fits(build({...FULL, A: [[1, 0], [0, 1]], D: [[0, 0], [0, 0]], modulation: [[0.1], [0.005], [0.5]]})))
  for (const other of [
    {...FULL, delays: [3, 6]}, {...FULL, pre_delay: 0}, {...FULL, filters: [SHELF]}, {...FULL, post_eq: []},
    {...FULL, modulation: []}, {...FULL, modulation: [[0.9], [0.004], [0.6]]},
    {...FULL, B: [[1], [1]], D: [[0], [0]]}, {A: [[1]], B: [[1]], C: [[1]], D: [[0]], delays: [3]},
  ]) assert.ok(!network.fits(build(other)))
})

test("numbers move evenly, and are those of the other network at the end", () => {
  const from = {A: [[0.5]], B: [[1]], C: [[1]], D: [[0]], delays: [2]}
  const network = new Network(build(from))
  network.moveTo(build({...from, D: [[1]]}), 4)
  const [y] = played(network, [new Float64Array(6).fill(1)], [3])
  assertClose(y.map((value, t) => value - [0, 0, 1, 1, 1.5, 1.5][t]), [0.25, 0.5, 0.75, 1, 1, 1])
})

test("where the numbers stay the same, the sound does, to the last digit", () => {
  const x = [noise(300, 3), noise(300, 4)]
  const moved = new Network(build(FULL))
  moved.moveTo(build(FULL), 100)
  assert.deepEqual(played(moved, x, [128]), played(new Network(build(FULL)), x, [128]))
})

test("between two orthogonal matrices energy never grows", () => {
  const lossless = {A: ROTATION, B: [[1], [1]], C: [[1, 1]], D: [[0]], delays: [3, 5]}
  const network = new Network(build(lossless))
  const x = new Float64Array(2000)
  x.set(noise(50, 5))
  const energy = () => network.lines.reduce((sum, line) => sum + line.reduce((all, value) => all + value * value, 0), 0)
  played(network, [x.subarray(0, 100)], [50])
  let before = energy()
  for (let turn = 0; turn < 20; turn += 1) {
    const angle = turn * 2.1
    network.moveTo(build({...lossless, A: [[Math.cos(angle), -Math.sin(angle)], [Math.sin(angle), Math.cos(angle)]]}), 40)
    played(network, [new Float64Array(60)], [60])
    assert.ok(energy() <= before * (1 + 1e-12))
    before = energy()
  }
})

test("what has died away is silence, not ever smaller numbers", () => {
  const network = new Network(build({A: [[0.5]], B: [[1]], C: [[1]], D: [[0]], delays: [2], filters: [SHELF.map(([each]) => [each])]}))
  played(network, [Float64Array.of(1, ...Array(5000).fill(0))], [128])
  assert.deepEqual([...network.lines[0], ...network.states[0]], [0, 0, 0, 0])
})

test("a network that grows without end is stopped, and says so", () => {
  const network = new Network(build({A: [[2]], B: [[1]], C: [[1]], D: [[0]], delays: [1]}))
  const [y] = played(network, [Float64Array.of(1, ...Array(255).fill(0))], [128])
  assert.ok(network.overflowed)
  assert.ok(y.every((value) => value === 0))
})

test("a rotation deepens evenly while its network plays, and none of it gains anything", () => {
  const still = {A: ROTATION, B: [[1], [0]], C: [[1, 0]], D: [[0]], delays: [1, 1], modulation: [[0], [0.01], [1]]}
  const deep = {...still, modulation: [[1.2], [0.01], [1]]}
  const network = new Network(build(still))
  network.moveTo(build(deep), 40)
  const x = [noise(300, 4)]
  played(network, [x[0].subarray(0, 40)], [16])
  const before = network.lines.reduce((sum, line) => sum + line[0] ** 2, 0)
  played(network, [new Float64Array(200)], [7])
  assertClose([network.lines.reduce((sum, line) => sum + line[0] ** 2, 0) / before], [1], 1e-13)
  assertClose(network.numbers.slice(network.places[7]), [1.2])
})

test("a rotation of another rate goes on from where it is, and so again", () => {
  const x = [noise(300, 6), noise(300, 7)], at = (/** @type {number} */ rate) => ({...FULL, modulation: [[0.9], [rate], [0.5]]})
  const turnsAt = (/** @type {number} */ t) => t < 100 ? 0.004 * t : t < 200 ? 0.4 + 0.01 * (t - 100) : 1.4 + 0.002 * (t - 200)
  const wanted = defined({...FULL, modulation: [[0.9], [turnsAt], [0.5]]}, x)
  const network = new Network(build(at(0.004)))
  const found = [[], []]
  for (const [from, rate] of [[0, 0.004], [100, 0.01], [200, 0.002]]) {
    network.moveTo(build(at(rate)), 40)
    played(network, x.map((each) => each.subarray(from, from + 100)), [33]).forEach((y, o) => found[o].push(...y))
  }
  found.forEach((channel, o) => assertClose(channel, wanted[o]))
})
