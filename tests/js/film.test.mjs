import assert from "node:assert/strict"
import {test} from "node:test"

import {frameAt} from "../../app/page/js/film.js"

const packed = Object.assign(Uint8Array.of(0, 255, 255, 0, 51, 51), {shape: [3, 2]})
const frames = {packed, low: -10, high: 10}

test("a frame is a row of the film between its two limits", () => {
  assert.deepEqual([...frameAt(frames, 0)], [-10, 10])
  assert.deepEqual([...frameAt(frames, 2)], [-6, -6])
})

test("between two frames the curve lies between theirs", () => {
  assert.deepEqual([...frameAt(frames, 0.5)], [0, 0])
  assert.deepEqual([...frameAt(frames, 0.25)], [-5, 5])
})

test("before the first frame and after the last one they stand still", () => {
  assert.deepEqual([...frameAt(frames, -1)], [-10, 10])
  assert.deepEqual([...frameAt(frames, 7.5)], [-6, -6])
})
