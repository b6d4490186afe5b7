import assert from "node:assert/strict"
import {test} from "node:test"

import {blocksOf, spansOf} from "../../app/page/js/markdown.js"

test("lines are paragraphs, items of a list stand together", () => {
  assert.deepEqual(blocksOf("One.\n\nTwo.\n- a\n- b\n1. c\n2) d\nThree."), [
    {kind: "p", text: "One."}, {kind: "p", text: "Two."}, {kind: "ul", items: ["a", "b"]},
    {kind: "ol", items: ["c", "d"]}, {kind: "p", text: "Three."},
  ])
})

test("strong, stressed and code are told apart, and a lone star is a star", () => {
  assert.deepEqual(spansOf("a **b c** *d* `e*f*` 2 * 3 * 4"), [
    {kind: "", text: "a "}, {kind: "strong", text: "b c"}, {kind: "", text: " "}, {kind: "em", text: "d"},
    {kind: "", text: " "}, {kind: "code", text: "e*f*"}, {kind: "", text: " 2 * 3 * 4"},
  ])
})

test("HTML and links are text", () => {
  for (const text of ["<img src=x onerror=alert(1)>", "[x](javascript:alert(1))", "https://example.org"])
    assert.deepEqual(spansOf(text), [{kind: "", text}])
})

test("a long hostile text is read in no time", () => {
  const began = performance.now()
  for (const piece of ["*", "**a ", "`", "* *", "**"]) spansOf(piece.repeat(3000))
  assert.ok(performance.now() - began < 5000)
})
