import assert from "node:assert/strict"
import {test} from "node:test"

import {cutOut, placeAfter, rateOf} from "../../app/page/js/voice.js"

test("a stretch that is looped has the sound's own samples but for 5 ms at its ends, where it is silent", () => {
  const fs = 1000, samples = Float32Array.from({length: 1000}, (_, i) => Math.sin(i) + 2)
  const found = cutOut(samples, fs, {from: 0.2, to: 0.5})
  assert.equal(found.length, 300)
  assert.deepEqual(found.slice(5, 295), samples.slice(205, 495))
  assert.ok(found[0] < 0.1 && found[299] < 0.1)
  for (let i = 0; i < 5; i += 1) assert.ok(found[i] < samples[200 + i])
  assert.equal(samples[200], Math.fround(Math.sin(200) + 2))  // the sound itself stays as it was
})

test("the place that is heard goes with the clock, to the end or round and round", () => {
  assert.equal(placeAfter(0.25, 0.5, 1, null), 0.75)
  assert.equal(placeAfter(9, 0.5, 1, null), 1)
  assert.equal(placeAfter(-0.01, 0, 1, null), 0)  // what is rendered is not heard yet
  assert.ok(Math.abs(placeAfter(0.75, 0.2, 1, {from: 0.2, to: 0.5}) - 0.35) < 1e-12)
})

test("the rate of a WAV file stands in its header", () => {
  const view = new DataView(new ArrayBuffer(44))
  view.setUint32(24, 48000, true)
  assert.equal(rateOf(view), 48000)
})
