import assert from "node:assert/strict"
import {test} from "node:test"

import {losesSomething} from "../../app/page/js/leaving.js"
import {stepOf} from "../../app/page/js/steps.js"

const press = (key, held = {}) => stepOf({key, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...held})

test("the usual keys undo and redo, on all systems", () => {
  assert.equal(press("z", {ctrlKey: true}), "undo")
  assert.equal(press("z", {metaKey: true}), "undo")
  assert.equal(press("Z", {ctrlKey: true, shiftKey: true}), "redo")
  assert.equal(press("y", {ctrlKey: true}), "redo")
  for (const other of [press("z"), press("a", {ctrlKey: true}), press("z", {ctrlKey: true, altKey: true})])
    assert.equal(other, null)
})

test("leaving is asked about only where something is lost", () => {
  assert.equal(losesSomething({frame: {unsaved: false}, fileAtRisk: false}), false)
  assert.equal(losesSomething({frame: {unsaved: true}, fileAtRisk: false}), true)
  assert.equal(losesSomething({frame: {unsaved: false}, fileAtRisk: true}), true)
})
