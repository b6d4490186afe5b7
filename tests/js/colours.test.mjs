import assert from "node:assert/strict"
import {test} from "node:test"

import {channelsOf, lightness, mixed, onDark} from "../../app/page/js/colours.js"

// Dark brown over white to dark purple, 256 steps, as PuOr is.
const PALETTE = Array.from({length: 256}, (_, i) =>
  i < 128 ? mixed("#7f3b08", "#f7f7f7", i / 127) : mixed("#f7f7f7", "#2d004b", (i - 128) / 127))

test("a colour is between the two that it is mixed of", () => {
  assert.equal(mixed("#000000", "#ffffff", 0.5), "#808080")
  assert.equal(mixed("#123456", "#ffffff", 0), "#123456")
  assert.deepEqual(channelsOf("#ff8000"), [255, 128, 0])
})

test("on dark paper zero has the colour of the paper, and what is further from it is lighter", () => {
  const found = onDark(PALETTE, "#121212")
  assert.equal(found.length, 256)
  for (const i of [127, 128]) assert.ok(lightness(found[i]) < 0.1)
  for (const side of [found.slice(0, 128).reverse(), found.slice(128)]) {
    const steps = side.map(lightness)
    assert.ok(steps.every((each, i) => i === 0 || each >= steps[i - 1] - 0.01))
    assert.ok(steps[127] > 0.4)
  }
})

test("the two sides keep hues of their own", () => {
  const [red, , blue] = channelsOf(onDark(PALETTE, "#121212")[0])
  const [otherRed, , otherBlue] = channelsOf(onDark(PALETTE, "#121212")[255])
  assert.ok(red > blue && otherBlue > otherRed)
})
