import assert from "node:assert/strict"
import {test} from "node:test"

import {Ceiling} from "../../app/page/js/ceiling.js"
import {Mixer, HIGHEST, levelsFor} from "../../app/page/js/mixer.js"
import {Fader, equalPower} from "../../app/page/js/fader.js"
import {ChangingNetwork} from "../../app/page/js/changing.js"

const FS = 8000
const NONE = new Float64Array(0)

/** A network of one line without feedback: a delay and a direct path. */
const echo = (delay, gain, direct = 0) => ({
  A: Float64Array.of(0), B: Float64Array.of(1), C: Float64Array.of(gain), D: Float64Array.of(direct),
  delays: Int32Array.of(delay), pre_delay: Int32Array.of(0), filters: NONE, post_matrix: NONE, post_eq: NONE, modulation: NONE,
})
const tone = (length, frequency = 100, amplitude = 0.3) =>
  Float32Array.from({length}, (_, t) => amplitude * Math.sin(2 * Math.PI * frequency * t / FS))
/** Largest step from one sample to the next. */
const jump = (y) => Math.max(...Array.from(y).slice(1).map((value, t) => Math.abs(value - y[t])))

// ---------------------------------------------------------------- faders

test("a fader arrives after its time, from wherever it is, and rests", () => {
  const fader = new Fader(0, 10)
  fader.moveTo(1)
  for (let t = 0; t < 5; t += 1) fader.next()
  assert.ok(Math.abs(fader.value - 0.5) < 1e-12)
  fader.moveTo(0)
  for (let t = 0; t < 11; t += 1) fader.next()
  assert.ok(fader.rests)
  assert.equal(fader.next(), 0)
})

test("powers of two sounds that are exchanged add up to one", () => {
  for (const place of [0, 0.1, 0.5, 0.77, 1])
    assert.ok(Math.abs(equalPower(place) ** 2 + equalPower(1 - place) ** 2 - 1) < 1e-12)
  assert.deepEqual([equalPower(0), equalPower(1)], [0, 1])
})

// ---------------------------------------------------------------- voices

const heard = (voice, x) => {
  const y = new Float64Array(x.length)
  voice.process(Float64Array.from(x), y)
  return y
}

test("another delay is faded in: no step is larger than those of the tone itself, doubled by two voices", () => {
  const voice = new ChangingNetwork(400)
  voice.load(echo(20, 1))
  const x = tone(4000)
  const y = []
  for (let from = 0; from < 4000; from += 100) {
    if (from === 1000) voice.load(echo(37, 1))
    y.push(...heard(voice, x.subarray(from, from + 100)))
  }
  assert.ok(jump(y) < Math.SQRT2 * jump(x) + 0.3 * Math.PI / 800, `${jump(y)}, the tone has ${jump(x)}`)
  assert.equal(voice.leaving, null)
})

test("of the networks that come during a fade the last one follows it", () => {
  const voice = new ChangingNetwork(100)
  for (const delay of [10, 11, 12, 13]) voice.load(echo(delay, 1))
  assert.deepEqual([voice.network.delays[0], voice.leaving.delays[0], voice.waiting.delays[0]], [11, 10, 13])
  heard(voice, new Float32Array(100))
  assert.deepEqual([voice.network.delays[0], voice.waiting], [13, null])
})

test("a voice whose network was stopped takes the next one, even with the same delays", () => {
  const voice = new ChangingNetwork(10)
  voice.load({...echo(1, 1), A: Float64Array.of(3)})
  heard(voice, Float32Array.of(1, ...Array(200).fill(0)))
  assert.ok(voice.overflowed)
  voice.load(echo(1, 1))
  assert.ok(!voice.overflowed)
})

// ---------------------------------------------------------------- the ceiling

const under = (ceiling, x, block = 128) => {
  const y = Float64Array.from(x)
  for (let from = 0; from < y.length; from += block) ceiling.process(y.subarray(from, from + block))
  return y
}

test("what stays below the ceiling passes as it is, only later", () => {
  const ceiling = new Ceiling(0.7, FS)
  const x = tone(1000, 120, 0.69)
  const y = under(ceiling, x)
  assert.deepEqual([...y.subarray(ceiling.ahead)], [...x.subarray(0, 1000 - ceiling.ahead)])
})

test("nothing passes the ceiling: clicks, loud noise, numbers that are none", () => {
  const ceiling = new Ceiling(0.7, FS)
  const x = Float64Array.from({length: 5000}, (_, t) => [1000, -5, 0.1, 0.6, -0.8][(t * 7919) % 5] * (t % 97 ? 1 : 40))
  x[100] = NaN
  x[200] = Infinity
  const y = under(ceiling, x)
  assert.ok(y.every((value) => Math.abs(value) <= 0.7))
})

test("a loud stretch is turned down without a step, and what follows recovers", () => {
  const ceiling = new Ceiling(0.7, FS)
  const x = tone(16000, 50, 0.5).map((value, t) => t > 2000 && t < 4000 ? 4 * value : value)
  const y = under(ceiling, x)
  // The onset of the loud stretch is a step of the input itself; elsewhere the gain moves slowly.
  assert.ok(jump(y.subarray(0, 1990)) <= jump(x.subarray(0, 1990)) + 1e-9)
  const late = y.subarray(15000), wanted = x.subarray(15000 - ceiling.ahead)
  assert.ok(late.every((value, t) => Math.abs(value - wanted[t]) < 1e-3))
})

// ---------------------------------------------------------------- the mixer

const mixer = (settings) => {
  const made = new Mixer(FS)
  made.set({networks: {start: echo(1, 1), now: echo(2, 1)}, choice: "now", wet: 1, gain: 1, open: true, ...settings})
  return made
}
const through = (made, x, room = new Float32Array(x.length), block = 128) => {
  const y = new Float32Array(x.length)
  for (let from = 0; from < x.length; from += block) {
    const to = Math.min(from + block, x.length)
    made.process(x.subarray(from, to), room.subarray(from, to), y.subarray(from, to))
  }
  return y
}
/** After the sound has been let in. */
const settled = (y) => y.subarray(1000)
const close = (found, wanted) => found.every((value, t) => Math.abs(value - wanted[t]) < 1e-6)

test("each choice is heard alone, as late as the ceiling looks ahead", () => {
  const x = tone(3000), room = tone(3000, 333, 0.2)
  const later = new Mixer(FS).ceiling.ahead
  for (const [choice, wanted] of [
    ["start", (t) => x[t - 1 - later]], ["now", (t) => x[t - 2 - later]], ["room", (t) => room[t - later]],
  ]) {
    const y = through(mixer({choice}), x, room)
    assert.ok(settled(y).every((value, i) => Math.abs(value - wanted(i + 1000)) < 1e-6), choice)
  }
})

test("dry is the sound itself, and between dry and wet their powers add up", () => {
  const x = tone(3000), room = tone(3000, 100, 0.3)
  assert.ok(close(settled(through(mixer({wet: 0, gain: 0.1}), x, room)).subarray(0, 500),
    x.subarray(1000 - new Mixer(FS).ceiling.ahead)))
  const half = through(mixer({wet: 0.5, choice: "room"}), x, room)
  const both = Math.SQRT1_2 * 2
  assert.ok(close(settled(half).subarray(0, 500), x.subarray(1000 - new Mixer(FS).ceiling.ahead).map((v) => both * v)))
})

test("the sound begins from silence and ends in it, and ever later", () => {
  const made = mixer({choice: "room"})
  const x = new Float32Array(4000).fill(0.5)
  const y = through(made, x, x)
  assert.equal(y[made.ceiling.ahead - 1], 0)
  assert.ok(jump(y) < 0.5 * 1.01 / (0.05 * FS) + 1e-6)
  made.set({open: false})
  const end = through(made, x, x)
  assert.ok(jump(end) < 0.5 * 1.01 / (0.05 * FS) + 1e-6)
  assert.ok(end.subarray(500).every((value) => value === 0))
  assert.ok(made.closed)
})

test("switching and mixing make no step that is larger than those of the sounds", () => {
  const x = tone(12000, 60, 0.2), room = tone(12000, 60, 0.2)
  const made = mixer({})
  const y = []
  const steps = [{choice: "start"}, {choice: "room"}, {wet: 0.3}, {choice: "now"}, {choice: "room"}, {wet: 1}, {gain: 0.5}]
  for (let from = 0, i = 0; from < 12000; from += 200) {
    // The fourth and the fifth come while others still move.
    if (from >= 2000 && i < steps.length && (from % 1200 === 0 || i === 3 || i === 4)) made.set(steps[i++])
    y.push(...through(made, x.subarray(from, from + 200), room.subarray(from, from + 200)))
  }
  // All are the same tone: half-way three of them add up to 1.5, wet and dry to the square root of 2.
  const fade = 0.2 * 2 * Math.PI / 2 / (0.05 * FS)
  assert.ok(jump(y) < 1.5 * Math.SQRT2 * jump(x) + fade, `${jump(y)}, the tone has ${jump(x)}`)
})

test("numbers that change five times a second make no step larger than the steady sound's", () => {
  const numbers = (angle) => ({
    A: Float64Array.of(Math.cos(angle), -Math.sin(angle), Math.sin(angle), Math.cos(angle)).map((each) => 0.9 * each),
    B: Float64Array.of(0.5, 0.5), C: Float64Array.of(0.5, 0.5), D: Float64Array.of(0), delays: Int32Array.of(37, 53),
    pre_delay: Int32Array.of(0), filters: NONE, post_matrix: NONE, post_eq: NONE, modulation: NONE,
  })
  const x = tone(16000, 100, 0.1)
  const steady = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6].map((angle) => jump(settled(through(mixer({networks: {now: numbers(angle)}}), x))))
  const made = mixer({networks: {now: numbers(0)}})
  const y = []
  for (let i = 0; i < 10; i += 1) {
    made.set({networks: {now: numbers(0.1 * [0, 1, 2, 3, 4, 5, 6, 5, 4, 3][i])}})
    y.push(...through(made, x.subarray(1600 * i, 1600 * (i + 1))))
  }
  assert.ok(jump(y.slice(1000)) <= 1.05 * Math.max(...steady), `${jump(y.slice(1000))}, steady ${steady}`)
})

test("a change of the matrix is a hundred times smoother than one that comes at once", () => {
  const numbers = (angle) => ({
    A: Float64Array.of(Math.cos(angle), -Math.sin(angle), Math.sin(angle), Math.cos(angle)).map((each) => 0.9 * each),
    B: Float64Array.of(0.5, 0.5), C: Float64Array.of(0.5, 0.5), D: Float64Array.of(0), delays: Int32Array.of(37, 53),
    pre_delay: Int32Array.of(0), filters: NONE, post_matrix: NONE, post_eq: NONE, modulation: NONE,
  })
  const x = tone(8000, 100, 0.1), twice = 2 * Math.cos(2 * Math.PI * 100 / FS)
  // What is left where the tone itself is taken out: nothing while nothing changes.
  const left = (samples) => {
    const voice = new ChangingNetwork(samples)
    voice.load(numbers(0))
    const before = heard(voice, x.subarray(0, 4000))
    voice.load(numbers(0.2))
    const y = [...before.slice(3000), ...heard(voice, x.subarray(4000))]
    return Math.max(...y.slice(2).map((value, t) => Math.abs(value - twice * y[t + 1] + y[t])))
  }
  assert.ok(left(400) < left(1) / 100, `${left(400)} of ${left(1)}`)
})

test("a network that grows without end falls silent", () => {
  const made = mixer({networks: {now: {...echo(1, 1), A: Float64Array.of(3)}}})
  const y = through(made, Float32Array.of(...Array(1000).fill(0.5)))
  assert.ok(made.overflowed)
  assert.ok(y.every((value) => Math.abs(value) <= HIGHEST))
  assert.equal(y.at(-1), 0)
})

// ---------------------------------------------------------------- levels

const level = (samples) => 20 * Math.log10(Math.sqrt(samples.reduce((sum, value) => sum + value * value, 0) / samples.length))

test("a sound has the usual level by itself, and a network that is ten times as strong is turned down", () => {
  const x = tone(8000)
  const {sound, network} = levelsFor(x, {energy: 100, peak: 1})
  assert.ok(Math.abs(level(x.map((value) => value * sound)) + 26) < 1e-4)
  assert.ok(Math.abs(network - 0.1) < 1e-12)
})

test("a click, and what a network makes of it, are as loud as their peaks may be", () => {
  const click = new Float32Array(8000)
  click[0] = 0.5
  for (const peak of [1, 3]) {
    const {sound, network} = levelsFor(click, {energy: 4, peak})
    assert.ok(Math.abs(0.5 * sound - HIGHEST) < 1e-9)
    assert.ok(Math.abs(0.5 * sound * network * peak - HIGHEST) < 1e-9)
  }
})

test("silence stays silence", () => {
  assert.deepEqual(levelsFor(new Float32Array(10), {energy: 1, peak: 1}), {sound: 0, network: 0})
})
