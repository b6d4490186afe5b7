import assert from "node:assert/strict"
import {test} from "node:test"

import {createReconnection} from "../../app/page/js/reconnection.js"

const UNKNOWN = 4404, BARE = 1005, BROKEN = 1006

function closings(reconnection, count, code, reason = "") {
  return Array.from({length: count}, () => reconnection.closed({code, reason}))
}

test("a connection that breaks is made again after one to three seconds, however often", () => {
  const reconnection = createReconnection()
  assert.ok(closings(reconnection, 50, BROKEN).every((isGone) => !isGone))
  for (let i = 0; i < 50; i += 1) {
    const delay = reconnection.delay()
    assert.ok(delay >= 1000 && delay < 3000)
  }
})

test("a session that a process does not know is looked for at once, as often as the server says", () => {
  const reconnection = createReconnection()
  assert.deepEqual(closings(reconnection, 3, UNKNOWN, "4"), [false, false, false])
  assert.equal(reconnection.delay(), 200)
  assert.equal(reconnection.refusal(), "")
  assert.deepEqual(closings(reconnection, 1, UNKNOWN, "4"), [true])
})

test("behind a hub, which passes on no code, the page opens anew after eight tries", () => {
  const tries = closings(createReconnection(), 8, BARE)
  assert.deepEqual(tries, [...Array(7).fill(false), true])
})

test("a connection that was found again begins to count anew", () => {
  const reconnection = createReconnection()
  closings(reconnection, 7, BARE)
  reconnection.found()
  assert.deepEqual(closings(reconnection, 8, BARE), [...Array(7).fill(false), true])
})

test("a break between two bare closings does not count", () => {
  const reconnection = createReconnection()
  closings(reconnection, 7, BARE)
  assert.deepEqual(closings(reconnection, 1, BROKEN), [false])
  assert.deepEqual(closings(reconnection, 1, BARE), [true])
})

for (const code of [4400, 4401, 4403, 4429, 4499])
  test(`a refusal with code ${code} is shown in the server's words, and tried again every ten seconds`, () => {
    const reconnection = createReconnection()
    assert.deepEqual(closings(reconnection, 20, code, "Reload the page."), Array(20).fill(false))
    assert.equal(reconnection.refusal(), "Reload the page.")
    assert.equal(reconnection.delay(), 10000)
    reconnection.found()
    assert.equal(reconnection.refusal(), "")
  })

test("what other closings say is no refusal", () => {
  const reconnection = createReconnection()
  for (const code of [1000, 1011, 4002, 4399, 4500]) {
    reconnection.closed({code, reason: "internal"})
    assert.equal(reconnection.refusal(), "")
  }
})
