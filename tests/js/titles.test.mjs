import assert from "node:assert/strict"
import {test} from "node:test"

import {fitted} from "../../app/page/js/titles.js"

// Every letter is half as wide as it is high.
const widthOf = (text, size) => text.length * size / 2

test("a title that fits stays as it is", () => {
  assert.deepEqual(fitted("Response", 100, widthOf), {text: "Response", size: 13})
})

test("a title that is a little too long is set smaller", () => {
  assert.deepEqual(fitted("0123456789", 62, widthOf), {text: "0123456789", size: 12})
  assert.deepEqual(fitted("0123456789", 55, widthOf), {text: "0123456789", size: 11})
})

test("a title that is much too long breaks between words, and every line fits", () => {
  const {text, size} = fitted("Echo density (noise: 1), at 0.1 s 0.40 → 0.41", 120, widthOf)
  assert.equal(size, 11)
  assert.equal(text.replaceAll("\n", " "), "Echo density (noise: 1), at 0.1 s 0.40 → 0.41")
  assert.ok(text.split("\n").length > 1)
  for (const line of text.split("\n")) assert.ok(widthOf(line, size) <= 120, line)
})

test("a word that is wider than the figure has a line of its own", () => {
  assert.equal(fitted("a incomprehensibilities b", 60, widthOf).text, "a\nincomprehensibilities\nb")
})
