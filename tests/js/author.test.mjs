import assert from "node:assert/strict"
import {test} from "node:test"

import {filledIn, slugOf} from "../../app/page/js/author.js"
import {pathOf} from "../../app/page/js/code.js"

const form = {title: "One", text: "", figure: "", sound: "", questions: [["How?", "So."], [" ", ""]],
  checks: [["loudness", 3.85, null], ["", null, null]], task: "Do it.", done: "Done.", hide: ["s.level"]}

test("a form becomes an entry of a file of lessons, without empty rows", () => {
  assert.deepEqual(filledIn({minutes: 7}, form), {
    minutes: 7, title: "One", text: "", figure: "", sound: "", hide: ["s.level"],
    questions: [{ask: "How?", answer: "So."}],
    task: {text: "Do it.", checks: {loudness: [3.85, null]}, done: "Done."},
  })
  assert.equal("task" in filledIn({task: {}}, {...form, checks: []}), false)
})

test("a title gives a lesson its name", () => {
  assert.equal(slugOf("When does the ear hear two tones?"), "when-does-the-ear-hear-two-tones")
  assert.equal(slugOf("???"), "lesson")
})

test("a code is drawn as squares, neighbours in one", () => {
  assert.equal(pathOf(["011", "100"]), "M1 0h2v1h-2zM0 1h1v1h-1z")
})
