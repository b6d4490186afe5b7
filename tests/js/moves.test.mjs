import assert from "node:assert/strict"
import {test} from "node:test"

import {createMoves} from "../../app/page/js/moves.js"

test("a drag is one step, however long it rests, and the next press is another", () => {
  let time = 0
  const moves = createMoves(() => time)
  moves.press()
  const first = moves.of("s.level")
  time = 5000
  assert.equal(moves.of("s.level"), first)
  moves.release()
  moves.press()
  assert.notEqual(moves.of("s.level"), first)
})

test("presses of a key that follow each other closely are one step, another setting is another", () => {
  let time = 0
  const moves = createMoves(() => time)
  const first = moves.of("s.level")
  time = 700
  assert.equal(moves.of("s.level"), first)
  assert.equal(moves.of("f.order"), first + 1)
  assert.equal(moves.of("s.level"), first + 2)
  time = 1600
  assert.equal(moves.of("s.level"), first + 3)
})
