import assert from "node:assert/strict"
import {beforeEach, test} from "node:test"

import {SLOW_MS, createQueue} from "../../app/page/js/queue.js"

let sent, computing, queue

beforeEach(() => {
  sent = []
  computing = []
  const made = createQueue((message) => sent.push(message), (is) => computing.push(is))
  queue = {...made, set: (key, value, step = 1) => made.set(key, value, step), point: (at, step = 1) => made.point(at, step)}
})

function fakeTimers(context) {
  context.mock.timers.enable({apis: ["setTimeout"]})
  return context.mock.timers
}

function set(values, sequence, step = 1) {
  return {type: "set", values, sequence, step}
}

test("the first change goes at once, the next ones wait for its picture", (context) => {
  fakeTimers(context)
  queue.set("level", 61)
  queue.set("level", 62)
  queue.set("order", 3)
  queue.set("level", 63)
  assert.deepEqual(sent, [set({level: 61}, 1)])
  queue.answered(1)
  assert.equal(sent.length, 1)  // answered is not drawn
  queue.drawn(1)
  assert.deepEqual(sent.slice(1), [set({level: 63, order: 3}, 2)])
})

test("of the places that were pointed at, the newest goes, after the values", (context) => {
  fakeTimers(context)
  queue.set("level", 61)
  queue.point({figure: "map", x: 1, y: 1})
  queue.point({figure: "map", x: 2, y: 2})
  queue.set("level", 62)
  queue.drawn(1)
  queue.drawn(2)
  queue.drawn(3)
  assert.deepEqual(sent.slice(1), [set({level: 62}, 2), {type: "point", figure: "map", x: 2, y: 2, sequence: 3, step: 1}])
})

test("the picture of an older question does not free the queue", (context) => {
  fakeTimers(context)
  queue.set("level", 61)
  queue.ask({type: "pin"})
  queue.set("level", 62)
  queue.drawn(0)
  assert.deepEqual(sent, [set({level: 61}, 1), {type: "pin"}])
})

test("a button sends what was moved before it, even while a picture is awaited", (context) => {
  fakeTimers(context)
  queue.set("level", 61)
  queue.set("level", 62)
  queue.ask({type: "reset"})
  assert.deepEqual(sent, [set({level: 61}, 1), set({level: 62}, 2), {type: "reset"}])
  queue.set("level", 63)
  queue.drawn(1)
  assert.equal(sent.length, 3)  // the picture of the second question is still to come
  queue.drawn(2)
  assert.deepEqual(sent[3], set({level: 63}, 3))
})

test("a button sends where a drag in a figure ended before it, even while a picture is awaited", (context) => {
  fakeTimers(context)
  queue.point({figure: "times", x: 1, y: 2}, 1)
  queue.point({figure: "times", x: 1, y: 3}, 1)
  queue.set("level", 61, 1)
  queue.ask({type: "undo"})
  assert.deepEqual(sent.map(({type, y}) => [type, y]), [["point", 2], ["set", undefined], ["point", 3], ["undo", undefined]])
})

test("what is not answered is under way, at its newest value", (context) => {
  fakeTimers(context)
  assert.deepEqual(queue.underWay(), {})
  queue.set("level", 61)
  queue.set("order", 3)
  assert.deepEqual(queue.underWay(), {level: 61, order: 3})
  queue.set("level", 62)
  assert.deepEqual(queue.underWay(), {level: 62, order: 3})
  queue.answered(1)
  queue.drawn(1)
  assert.deepEqual(queue.underWay(), {level: 62, order: 3})
  queue.answered(2)
  assert.deepEqual(queue.underWay(), {})
})

test("an answer covers every question before it", (context) => {
  fakeTimers(context)
  queue.set("level", 61)
  queue.set("order", 3)
  queue.ask({type: "pin"})
  queue.answered(2)
  assert.deepEqual(queue.underWay(), {})
})

test("an answer that is lost blocks the controls for four seconds, no longer", (context) => {
  const timers = fakeTimers(context)
  queue.set("level", 61)
  queue.set("level", 62)
  timers.tick(3999)
  assert.equal(sent.length, 1)
  timers.tick(1)
  assert.deepEqual(sent[1], set({level: 62}, 2))
})

test("the four seconds begin anew with every question", (context) => {
  const timers = fakeTimers(context)
  queue.set("level", 61)
  queue.set("level", 62)
  timers.tick(3000)
  queue.ask({type: "pin"})  // sends the second
  queue.set("level", 63)
  timers.tick(3999)
  assert.equal(sent.length, 3)
  timers.tick(1)
  assert.deepEqual(sent[3], set({level: 63}, 3))
})

test("a picture that came in time needs no rescue", (context) => {
  const timers = fakeTimers(context)
  queue.set("level", 61)
  queue.drawn(1)
  queue.set("level", 62)
  queue.set("level", 63)
  timers.tick(3999)
  assert.equal(sent.length, 2)
})

test("a picture is marked as on its way after half a second, until it is there", (context) => {
  const timers = fakeTimers(context)
  queue.set("level", 61)
  timers.tick(499)
  assert.deepEqual(computing, [])
  timers.tick(1)
  assert.deepEqual(computing, [true])
  queue.drawn(1)
  assert.deepEqual(computing, [true, false])
  timers.tick(1000)
  assert.deepEqual(computing, [true, false])
})

test("without a connection nothing is sent, and the newest values go when it is back", (context) => {
  const timers = fakeTimers(context)
  queue.set("level", 61)
  queue.set("order", 3)
  queue.lost()
  queue.set("level", 62)
  timers.tick(10000)
  assert.equal(sent.length, 1)
  assert.deepEqual(queue.underWay(), {level: 62, order: 3})
  queue.found()
  assert.deepEqual(sent.slice(1), [set({level: 62, order: 3}, 2)])
  queue.answered(2)
  assert.deepEqual(queue.underWay(), {})
})

test("what is moved first after the connection broke waits for the next one", (context) => {
  fakeTimers(context)
  queue.lost()
  queue.set("level", 61)
  queue.point({figure: "map", x: 1, y: 1})
  assert.deepEqual(sent, [])
  queue.found()
  assert.deepEqual(sent, [set({level: 61}, 1)])
})

test("what was answered before the connection broke does not go again", (context) => {
  fakeTimers(context)
  queue.set("level", 61)
  queue.answered(1)
  queue.lost()
  queue.found()
  assert.equal(sent.length, 1)
  queue.set("level", 62)  // nor is the queue still waiting for a picture
  assert.deepEqual(sent[1], set({level: 62}, 2))
})

test("another step of undo does not wait in the message of the one before", (context) => {
  fakeTimers(context)
  queue.set("level", 61, 1)
  queue.set("level", 62, 1)
  queue.set("order", 3, 2)
  queue.set("order", 4, 2)
  assert.deepEqual(sent, [set({level: 61}, 1), set({level: 62}, 2)])
  queue.drawn(2)
  assert.deepEqual(sent[2], set({order: 4}, 3, 2))
})

test("another gesture does not wait for a picture that takes long, the same drag does", (context) => {
  const timers = fakeTimers(context)
  queue.set("level", 61, 1)
  timers.tick(SLOW_MS)
  queue.set("level", 62, 1)
  assert.equal(sent.length, 1)
  queue.drawn(1)
  assert.deepEqual(sent[1], set({level: 62}, 2))
  timers.tick(SLOW_MS)
  queue.set("order", 3, 2)
  assert.deepEqual(sent[2], set({order: 3}, 3, 2))
  assert.deepEqual(computing, [true, false, true])
})

test("another gesture that came early goes as soon as the picture takes long", (context) => {
  const timers = fakeTimers(context)
  queue.set("level", 61, 1)
  queue.set("order", 3, 2)
  timers.tick(SLOW_MS - 1)
  assert.equal(sent.length, 1)
  timers.tick(1)
  assert.deepEqual(sent[1], set({order: 3}, 2, 2))
  queue.point({figure: "map", x: 1, y: 1}, 3)
  timers.tick(SLOW_MS)
  assert.deepEqual(sent[2], {type: "point", figure: "map", x: 1, y: 1, sequence: 3, step: 3})
})
