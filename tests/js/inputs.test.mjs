import assert from "node:assert/strict"
import {test} from "node:test"

import {isShown} from "../../app/page/js/inputs.js"

const state = (parts = {}) => ({values: {kind: "tone", order: 2}, hidden: new Set(), editing: false, ...parts})
const entry = (when) => ({key: "frequency", when})

test("a control without conditions is shown", () => {
  assert.equal(isShown(entry(null), state()), true)
  assert.equal(isShown(entry(undefined), state()), true)
})

test("a control is shown while every setting that it depends on has one of the values it needs", () => {
  assert.equal(isShown(entry({kind: ["tone", "noise"]}), state()), true)
  assert.equal(isShown(entry({kind: ["noise"]}), state()), false)
  assert.equal(isShown(entry({kind: ["tone"], order: [1]}), state()), false)
})

test("a control that a lesson hides is shown only while the lesson is being made", () => {
  const hidden = new Set(["frequency"])
  assert.equal(isShown(entry(null), state({hidden})), false)
  assert.equal(isShown(entry(null), state({hidden, editing: true})), true)
  assert.equal(isShown(entry({kind: ["noise"]}), state({hidden, editing: true})), false)
})
