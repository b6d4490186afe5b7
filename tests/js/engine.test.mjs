import assert from "node:assert/strict"
import {beforeEach, test} from "node:test"

import {startEngine} from "../../app/page/js/engine.js"
import {storeOf, whenStarted} from "../../app/page/js/store.js"

let pages = 0
let sent, store, written, pushed, moved, listeners

beforeEach(() => {
  sent = []
  written = []
  moved = []
  pages += 1
  store = storeOf(`page-${pages}`)
  store.watchers.add((keys) => moved.push([...keys]))
  pushed = []
  listeners = {}
  globalThis.location = {pathname: "/filterbank", search: ""}
  globalThis.window = {addEventListener: (kind, listener) => { listeners[kind] = listener }}
  globalThis.history = {
    replaceState: (state, title, address) => { if (address !== undefined) written.push(address) },
    pushState: (state, title, address) => pushed.push([state.lesson, address]),
  }
})

/** Start an engine whose timers wait for `tick`. */
function started(context, content = {}) {
  context.mock.timers.enable({apis: ["setTimeout"]})
  return startEngine((message) => sent.push(message), store, {
    values: {"s.level": 60, "f.order": 4}, link: "", permalink: true, frame: {lesson: "", hide: []}, ...content,
  })
}

const update = (parts) => ({type: "update", ...parts})

test("parts that were drawn before the figures run when the engine starts, later ones at once", (context) => {
  const order = []
  whenStarted(store, () => order.push(store.values["s.level"]))
  assert.deepEqual(order, [])
  started(context)
  whenStarted(store, () => order.push("later"))
  assert.deepEqual(order, [60, "later"])
})

test("a move is shown, sent, and stands in the address until the server has written its link", (context) => {
  const engine = started(context, {link: "theme=dark"})
  engine.set("s.level", 72)
  assert.equal(store.values["s.level"], 72)
  assert.deepEqual(moved, [["s.level"]])
  assert.deepEqual(sent, [{type: "set", values: {"s.level": 72}, sequence: 1, step: 1}])
  context.mock.timers.tick(349)
  assert.deepEqual(written, [])
  context.mock.timers.tick(1)
  assert.deepEqual(written, ["/filterbank?theme=dark&s.level=72"])
  engine.receive(update({answered: 1, link: "theme=dark&s.level=72.0"}))
  context.mock.timers.tick(350)
  assert.deepEqual(written.slice(1), ["/filterbank?theme=dark&s.level=72.0"])
})

test("the address of a page that nothing has changed stays as it was opened", (context) => {
  const engine = started(context, {link: "lesson=one"})
  engine.receive(update({words: {}, link: "lesson=one"}))
  engine.receive(update({answered: 3}))
  context.mock.timers.tick(1000)
  assert.deepEqual(written, [])
})

test("a value that the server did not take leaves the address again", (context) => {
  const engine = started(context)
  engine.set("s.level", 1000)
  context.mock.timers.tick(350)
  engine.receive(update({answered: 1, values: {"s.level": 60}}))
  context.mock.timers.tick(350)
  assert.deepEqual(written, ["/filterbank?s.level=1000", "/filterbank"])
  assert.equal(store.values["s.level"], 60)
})

test("a drag writes the address once in 350 ms, with its newest value", (context) => {
  const engine = started(context)
  for (let level = 61; level <= 70; level += 1) engine.set("s.level", level)
  context.mock.timers.tick(350)
  assert.deepEqual(written, ["/filterbank?s.level=70"])
})

test("a cell of a notebook has no address to write", (context) => {
  const engine = started(context, {permalink: false})
  engine.set("s.level", 61)
  engine.receive(update({answered: 1, link: "s.level=61"}))
  context.mock.timers.tick(350)
  assert.deepEqual(written, [])
})

test("a value that is set to what it is is shown, but not sent", (context) => {
  const engine = started(context)
  engine.set("s.level", 60)
  assert.deepEqual([moved, sent], [[["s.level"]], []])
})

test("what the server says of a value that is on its way there is out of date", (context) => {
  const engine = started(context)
  engine.set("s.level", 72)
  engine.receive(update({values: {"s.level": 61, "f.order": 2}}))
  assert.deepEqual(store.values, {"s.level": 72, "f.order": 2})
  assert.deepEqual(moved.at(-1), ["f.order"])
  engine.receive(update({answered: 1, values: {"s.level": 70}}))
  assert.equal(store.values["s.level"], 70)
})

test("each part receives its own of an update, and parts that are not there do not disturb", (context) => {
  const engine = started(context)
  const received = []
  store.receivers.words = (content) => received.push(content)
  engine.receive(update({words: {summary: "a tone"}, tools: {code: ""}, scene: {}}))
  assert.deepEqual(received, [{summary: "a tone"}])
})

test("after a break, what was moved meanwhile goes first, then the page asks for the present picture", (context) => {
  const engine = started(context)
  engine.set("f.order", 2)
  engine.lost()
  engine.set("s.level", 72)
  context.mock.timers.tick(350)
  assert.deepEqual(written, ["/filterbank?f.order=2&s.level=72"])  // a reload would lose nothing
  engine.found()
  assert.deepEqual(sent.slice(1), [
    {type: "set", values: {"f.order": 2, "s.level": 72}, sequence: 2, step: 2},
    {type: "hello"},
  ])
})

test("a control that is hidden stands in the address at once, and goes again after a break", (context) => {
  const engine = started(context, {frame: {lesson: "", hide: ["f.order"]}, link: "hide=f.order"})
  engine.hide("s.level", true)
  assert.deepEqual(sent, [{type: "hide", keys: ["f.order", "s.level"]}])
  assert.equal(engine.address(), "/filterbank?hide=f.order,s.level")
  engine.lost()
  engine.found()
  assert.deepEqual(sent.slice(1).map(({type}) => type), ["hide", "hello"])
  engine.receive(update({link: "hide=f.order%2Cs.level"}))
  assert.equal(engine.address(), "/filterbank?hide=f.order%2Cs.level")
})

test("a lesson brings its own hidden controls", (context) => {
  const engine = started(context)
  engine.hide("s.level", true)
  engine.receive(update({controls: {lesson: "one", hide: ["f.order"]}, link: "lesson=one"}))
  assert.deepEqual([...store.hidden], ["f.order"])
  assert.equal(store.frame.lesson, "one")
  assert.equal(engine.address(), "/filterbank?lesson=one")
})

test("entering a lesson makes an entry of the browser's history, moving a slider in it does not", (context) => {
  const engine = started(context)
  engine.set("s.level", 61)
  engine.receive(update({answered: 1, link: "s.level=61"}))
  engine.receive(update({controls: {lesson: "one", hide: []}, link: "lesson=one"}))
  assert.deepEqual(written, ["/filterbank?s.level=61"])  // where Back leads to
  assert.deepEqual(pushed, [["one", "/filterbank?lesson=one"]])
  engine.receive(update({link: "lesson=one&s.level=70"}))
  context.mock.timers.tick(350)
  assert.deepEqual(written.slice(1), ["/filterbank?lesson=one&s.level=70"])
  assert.equal(pushed.length, 1)
})

test("Back asks the server for the address before, and its answer makes no new entry", (context) => {
  const engine = started(context)
  engine.receive(update({controls: {lesson: "one", hide: []}, link: "lesson=one"}))
  globalThis.location.search = "?s.level=61"
  listeners.popstate({state: {lesson: ""}})
  assert.deepEqual(sent, [{type: "open", link: "s.level=61"}])
  engine.lost()
  engine.found()
  assert.deepEqual(sent.slice(1), [{type: "open", link: "s.level=61"}, {type: "hello"}])  // the first was lost
  engine.receive(update({link: "lesson=one&f.order=2"}))  // of a move before
  context.mock.timers.tick(350)
  engine.receive(update({opened: "s.level=61", controls: {lesson: "", hide: []}, link: "s.level=61"}))
  context.mock.timers.tick(350)
  assert.equal(pushed.length, 1)
  assert.deepEqual(written, [])
  engine.set("s.level", 62)
  context.mock.timers.tick(350)
  assert.deepEqual(written, ["/filterbank?s.level=62"])
})

test("while a question is open nothing is moved", (context) => {
  const engine = started(context)
  store.asking = true
  engine.set("s.level", 72)
  assert.deepEqual([sent, store.values["s.level"], moved], [[], 60, [["s.level"]]])
})
