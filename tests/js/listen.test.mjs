import assert from "node:assert/strict"
import {test} from "node:test"

import {unpackSound} from "../../app/page/js/listen_ask.js"
import {intervalAt, isSafe} from "../../app/page/js/listen_sound.js"

function packed(head, samples) {
  const text = new TextEncoder().encode(JSON.stringify(head).padEnd(256))
  const data = new ArrayBuffer(4 + 256 + 2 * samples.length)
  const view = new DataView(data)
  view.setUint32(0, 256, true)
  new Uint8Array(data, 4, 256).set(text)
  samples.forEach((sample, t) => view.setInt16(260 + 2 * t, sample, true))
  return data
}

const HEAD = {fs: 22050, gain: 0.5, begins: [0, 0.9, 1.8], length: 0.5, channels: 1}

test("a sound is unpacked as the server packed it, one channel or two", () => {
  const one = unpackSound(packed(HEAD, [0, 16384, -32768]))
  assert.deepEqual([...one.channels[0]], [0, 0.5, -1])
  assert.equal(one.gain, 0.5)
  const two = unpackSound(packed({...HEAD, channels: 2}, [16384, 0, -16384, 8192]))
  assert.deepEqual(two.channels.map((channel) => [...channel]), [[0.5, -0.5], [0, 0.25]])
})

test("the interval that sounds is lit from its beginning to its end, and none in the pauses", () => {
  const sound = {...HEAD, channels: []}
  assert.deepEqual([-0.01, 0, 0.49, 0.5, 0.89, 0.9, 1.8, 2.29, 2.3].map((time) => intervalAt(sound, time)),
    [-1, 0, 0, -1, -1, 1, 2, 2, -1])
})

test("a sound above the ceiling is not played, whatever a server sends", () => {
  const channels = [Float32Array.of(0, 1, -1)]
  assert.equal(isSafe({...HEAD, gain: 0.7, channels}), true)
  for (const gain of [0.72, 5, Infinity, NaN, -0.5]) assert.equal(isSafe({...HEAD, gain, channels}), false)
})
