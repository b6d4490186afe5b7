import assert from "node:assert/strict"
import {test} from "node:test"

import {ladder, nearest} from "../../app/page/js/scale.js"

const FREQUENCY = {scale: "log", min: 20, max: 20000, step: 1}

test("a linear scale has no ladder", () => {
  assert.equal(ladder({scale: "linear", min: 0, max: 1, step: 0.1}), null)
})

test("a ladder climbs from the minimum to the maximum, and no rung is there twice", () => {
  const rungs = ladder(FREQUENCY)
  assert.equal(rungs[0], 20)
  assert.equal(rungs.at(-1), 20000)
  assert.ok(rungs.every((rung, i) => i === 0 || rung > rungs[i - 1]))
})

test("every rung between the ends is a multiple of the step, free of rounding errors", () => {
  for (const rung of ladder({scale: "log", min: 0.05, max: 8, step: 0.01}).slice(1, -1))
    assert.equal(rung, Number((Math.round(rung / 0.01) * 0.01).toPrecision(10)))
  assert.ok(ladder(FREQUENCY).every(Number.isInteger))
})

test("where whole steps are larger than the slider's, rungs stand at every step", () => {
  assert.deepEqual(ladder({scale: "log", min: 1, max: 8, step: 1}), [1, 2, 3, 4, 5, 6, 7, 8])
})

test("the nearest rung is the one with the smallest ratio, not the smallest difference", () => {
  assert.equal(nearest([1, 10, 100], 30), 1)  // 3 times as much as 10, but less than a third of 100
  assert.equal(nearest([1, 10, 100], 32), 2)
  assert.equal(nearest([1, 10, 100], 0.01), 0)
  assert.equal(nearest([1, 10, 100], 5000), 2)
})

test("every rung is nearest to itself", () => {
  const rungs = ladder(FREQUENCY)
  assert.deepEqual(rungs.map((rung) => nearest(rungs, rung)), rungs.map((_, i) => i))
})
