import assert from "node:assert/strict"
import {test} from "node:test"

import {cellsAt} from "../../app/page/js/moments.js"

// Two moments of two rows and two kept columns, from 0 to 255 in steps of 1.
const packed = Object.assign(Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]), {shape: [2, 4]})

test("each column shows the one that it is told to, and none beyond the last one", () => {
  const frames = {packed, low: 0, high: 255, columns: Int32Array.from([0, 0, 1, -1])}
  assert.deepEqual([...cellsAt(frames, 0)], [1, 1, 2, 0, 3, 3, 4, 0])
  assert.deepEqual([...cellsAt(frames, 1)], [5, 5, 6, 0, 7, 7, 8, 0])
})

test("a moment after the last one is the last one", () => {
  const frames = {packed, low: 0, high: 255, columns: Int32Array.from([1, 0])}
  assert.deepEqual([...cellsAt(frames, 9)], [6, 5, 8, 7])
})
