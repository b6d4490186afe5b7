import assert from "node:assert/strict"
import {test} from "node:test"

import {rowsOf, sizesFor} from "../../app/page/js/sizes.js"

const room = {width: 1050, height: 700, usual: 700, presented: 0}

test("figures keep their usual size where there is just room for it, and where there is less", () => {
  assert.deepEqual(sizesFor(room), {heights: 1, letters: 1})
  assert.deepEqual(sizesFor({...room, height: 400}), {heights: 1, letters: 1})
})

test("a larger screen gets larger figures, and letters that grow with both sides", () => {
  assert.deepEqual(sizesFor({...room, width: 1575, height: 1050}), {heights: 1.5, letters: 1.5})
  assert.deepEqual(sizesFor({...room, width: 1575, height: 840}), {heights: 1.2, letters: 1.2})
  assert.deepEqual(sizesFor({...room, width: 5000, height: 5000}), {heights: 2, letters: 2})
})

test("a phone keeps its figures one below the other at their usual size", () => {
  assert.deepEqual(sizesFor({...room, width: 390, height: 2000}), {heights: 1, letters: 1})
})

test("presented figures fill the screen with letters as large as the page's own small ones", () => {
  const {heights, letters} = sizesFor({width: 1900, height: 910, usual: 700, presented: 18})
  assert.equal(heights, 1.3)
  assert.ok(Math.abs(11 * letters - 18) < 1e-9)
  assert.equal(sizesFor({width: 1900, height: 350, usual: 700, presented: 18}).heights, 0.75)
})

test("a screen twice as fine shows presented figures twice as large, letters included", () => {
  const once = sizesFor({width: 1900, height: 910, usual: 900, presented: 18})
  const twice = sizesFor({width: 3800, height: 1820, usual: 900, presented: 36})
  assert.ok(Math.abs(twice.letters - 2 * once.letters) < 1e-9)
  assert.ok(Math.abs(twice.heights - 2 * once.heights) < 1e-9)
})

test("areas that take one row of a grid are known by it, taller ones and empty places are not", () => {
  const found = rowsOf('"waveform . corner" "cochleagram wave ..." "cochleagram impulse impulse"')
  assert.deepEqual([...found], [["waveform", "0"], ["corner", "0"], ["wave", "1"], ["impulse", "2"]])
  assert.equal(rowsOf("none").size, 0)
})
