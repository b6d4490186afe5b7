import assert from "node:assert/strict"
import {test} from "node:test"

// BokehJS, as far as figures are laid out by it: what is done to them is noted.
const done = []

class FigureView {
  constructor(model) {
    Object.assign(this, {model, is_displayed: model.visible, _layout_computed: true})
    this.initialize()
  }

  initialize() {}

  note(what) {
    done.push(`${what} ${this.model.name}`)
  }

  update_layout() { this.note("write") }
  measure_layout() {}
  update_bbox() { this.note("read") }
  _compute_layout() {}
  after_layout() {
    this.paint()
  }

  _invalidate_layout_if_needed() {}
  paint() { this.note("paint") }
  repaint() { this.paint() }
}

class LegendView {
  constructor(model, labels) {
    Object.assign(this, {model, labels})
  }

  get is_active() {
    return () => true
  }

  _render_items() { done.push("rows") }
  request_paint() { done.push("asked for paint") }
}

class InlineStyleSheet {
  constructor() {
    const el = {text: "", get textContent() { return this.text }, set textContent(text) {
      done.push("style")
      this.text = text
    }}
    this.el = el
  }

  _update(css) { this.el.textContent = css }
}

class VisualProperties {
  constructor(document) { this.obj = {model: {document}} }
  _get_css_value(name) { return `css of ${name}` }
}

const MODULES = {
  "models/plots/figure": {FigureView}, "models/annotations/legend": {LegendView}, "core/dom": {InlineStyleSheet},
  "core/visuals/visual": {VisualProperties},
}

/** @type {(() => void)[]} */
let frames = []
globalThis.Bokeh = {require: (name) => MODULES[name]}
globalThis.window = {requestAnimationFrame: (run) => frames.push(run), cancelAnimationFrame: () => { frames = [] }}

const {layOutTogether} = await import("../../app/page/js/upstream.js")

/** Makes figures by these names; those in capitals are hidden. */
function drawn(...names) {
  const legend = {type: "Legend", orientation: "vertical", ncols: 1, nrows: 1}
  const figures = names.map((name) => ({name, visible: name !== name.toUpperCase(), center: [legend]}))
  const document = {roots: () => figures}
  const rounds = layOutTogether(document)
  const views = figures.map((figure) => new figure.default_view(figure))
  done.length = 0
  frames = []
  return {rounds, views, document, legend}
}

/** Runs what is due at the next frame, and returns what was done. */
function frame() {
  for (const run of frames.splice(0)) run()
  return done.splice(0)
}

test("figures that change several times are laid out and painted once, and all is written before all is read", () => {
  const {views: [one, two]} = drawn("one", "two")
  for (let i = 0; i < 3; i += 1) {
    one.invalidate_layout()
    two.invalidate_layout()
    two.compute_layout()
  }
  assert.deepEqual(done, [])
  assert.deepEqual(frame(), ["write one", "write two", "read one", "read two", "paint one", "paint two"])
  assert.deepEqual(frame(), [])
})

test("a figure whose room alone has changed keeps its parts", () => {
  const {views: [one]} = drawn("one")
  one.compute_layout()
  assert.deepEqual(frame(), ["read one", "paint one"])
})

test("what a layout changes is laid out before anything is painted, and no change leads round for ever", () => {
  const {rounds, views: [one]} = drawn("one")
  let left = 1
  rounds.afterLayout.add(() => { if ((left -= 1) >= 0) one.invalidate_layout() })
  one.invalidate_layout()
  assert.deepEqual(frame(), ["write one", "read one", "write one", "read one", "paint one"])
  left = 100
  one.invalidate_layout()
  const found = frame()
  assert.equal(found.filter((each) => each === "write one").length, 4)
  assert.equal(found.at(-1), "paint one")
  left = 0
  assert.deepEqual(frame(), ["write one", "read one", "paint one"])  // what was left over
})

test("sizes are given before a layout, and lines named after the last one", () => {
  const {rounds, views: [one]} = drawn("one")
  rounds.beforeLayout.add(() => done.push("sizes"))
  rounds.beforePaint.add(() => done.push("names"))
  let left = 1
  rounds.afterLayout.add(() => { if ((left -= 1) >= 0) one.compute_layout() })
  one.invalidate_layout()
  assert.deepEqual(frame(), ["sizes", "write one", "read one", "read one", "names", "paint one"])
})

test("a figure that is hidden, and was before, is not laid out; one that is being hidden or shown is", () => {
  const {views: [, hidden]} = drawn("one", "HIDDEN")
  hidden.invalidate_layout()
  assert.deepEqual(frame(), [])
  hidden.model.visible = true
  hidden.invalidate_layout()
  assert.deepEqual(frame(), ["write HIDDEN", "read HIDDEN", "paint HIDDEN"])
  Object.assign(hidden.model, {visible: false})
  hidden.is_displayed = true
  hidden.invalidate_layout()
  assert.deepEqual(frame(), ["write HIDDEN", "read HIDDEN", "paint HIDDEN"])
})

test("a window of another size lays out all figures that are shown, at once when that is asked for", () => {
  const {rounds} = drawn("one", "HIDDEN", "two")
  rounds.resized()
  rounds.now()
  assert.deepEqual(done.splice(0), ["read one", "read two", "paint one", "paint two"])
})

test("a paint that BokehJS asks for comes after the layout that is due, and only once", () => {
  const {views: [one, two]} = drawn("one", "two")
  two.invalidate_layout()
  one.repaint()
  assert.deepEqual(done.splice(0), ["write two", "read two", "paint one", "paint two"])
  assert.deepEqual(frame(), [])
})

test("rows of a legend are made anew where another line has a name, not where a line moves", () => {
  const {legend} = drawn("one")
  const item = {id: "p1", visible: true}
  const view = new legend.default_view(legend, [{item, label: "before"}])
  for (let i = 0; i < 3; i += 1) view._render_items()
  assert.deepEqual(done.splice(0), ["rows", "asked for paint"])
  item.visible = false
  view._render_items()
  view.labels = [{item, label: "now"}]
  view._render_items()
  assert.deepEqual(done.splice(0), ["rows", "asked for paint", "rows", "asked for paint"])
})

test("a style sheet is written where it changes, and figures look for no colours in CSS", () => {
  const {document} = drawn("one")
  const sheet = new InlineStyleSheet()
  for (const css of ["a", "a", "b", "b"]) sheet._update(css)
  assert.deepEqual(done.splice(0), ["style", "style"])
  assert.equal(sheet.el.textContent, "b")
  assert.equal(new VisualProperties(document)._get_css_value("line-color"), "")
  for (const other of [null, {}]) assert.equal(new VisualProperties(other)._get_css_value("line-color"), "css of line-color")
})
