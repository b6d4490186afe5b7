// Everything of BokehJS that is private and that the page uses or replaces, seen in BokehJS 3.9.2 (client/connection).
// tests/app/test_js.py fails where BokehJS no longer has or calls one of these.

/** @import {ClientConnection} from "@bokehjs/client/connection" */
/** @import {ConnectionLost} from "@bokehjs/core/bokeh_events" */
/** @import {Document} from "@bokehjs/document" */
/** @import {FigureView, LegendView, Rounds} from "./types" */
/** @import {Reconnection} from "./reconnection.js" */

import {button} from "./dom.js"
import {reload} from "./leaving.js"
import {figuresOf} from "./scene.js"

const BAD_MESSAGE = 4002

/**
 * @param {ConnectionLost} event
 * @returns {ClientConnection | undefined}
 */
export function connectionOf(event) {
  return event["connection"].deref()
}

/**
 * Let a page's own rules say when and how a connection is made again.
 * @param {ClientConnection} connection
 * @param {Reconnection} reconnection
 */
export function adopt(connection, reconnection) {
  const query = [connection.args_string, "again=1"].filter(Boolean).join("&")
  Object.assign(connection, {args_string: query})  // which the server tells from a page that opens
  // BokehJS would fetch the whole document, and fails at the arrays in it: the page asks for what has changed.
  connection["_repull_session_doc"] = async (resolve) => {
    if (connection.session) resolve(connection.session)
  }
  // BokehJS's own delay doubles with every try, without an end.
  connection["_reconnect_delay"] = () => reconnection.delay()
  // BokehJS closes with 1002, which a browser refuses to its scripts, and then waits on for ever.
  connection["_close_bad_protocol"] = (detail) => {
    console.error(`What the server sent could not be read: ${detail}`)
    connection.socket?.close(BAD_MESSAGE)
  }
  // BokehJS keeps a message that was cut in the middle, which swallows the start of what the next connection brings.
  const Receiver = /** @type {new () => unknown} */ (connection["_receiver"].constructor)
  const forget = () => Object.assign(connection, {_receiver: new Receiver()})
  forget()
  // BokehJS gives up after five tries in vain, and knows nothing of the codes that the server closes with.
  const closed = connection["_on_close"].bind(connection)
  connection["_on_close"] = (event, reject) => {
    forget()
    connection["_reconnection_attempts_left"] = 5
    if (reconnection.closed(event)) reload()
    else closed(event, reject)
  }
}

/**
 * Give the frame of panel-material-ui 0.16 what a keyboard and a screen reader need and it lacks: a way past the controls;
 * and its title is a third heading, an empty heading, a bar of progress that is never shown and a handle have names or
 * roles that fit nothing.
 * @param {(() => HTMLElement | null) | null} skipTo returns what has the focus after the controls are skipped
 */
export function mendFrame(skipTo) {
  const mend = () => {
    const frame = frameOf()
    const header = frame?.querySelector("header")
    if (!frame || !header) return null
    if (skipTo && !header.querySelector(".skip"))
      header.prepend(button({class: "skip", onclick: () => skipTo()?.focus()}, "Skip to the figures"))
    for (const heading of frame.querySelectorAll("h5, header h3")) {
      heading.setAttribute("role", "presentation")
      if (!heading.textContent?.trim()) heading.setAttribute("aria-hidden", "true")
    }
    frame.querySelector("header [role=progressbar]")?.setAttribute("aria-hidden", "true")
    frame.querySelector("[aria-label='Resize sidebar']")?.setAttribute("role", "separator")
    return frame
  }
  // The frame is drawn by React, after the parts that stand in it, and anew when a window becomes narrow or wide.
  let tries = 0
  const again = () => {
    const frame = mend()
    if (frame) new MutationObserver(mend).observe(frame, {childList: true, subtree: true})
    else if ((tries += 1) < 50) setTimeout(again, 100)
  }
  again()
}

/** @returns {Element | null} the frame of panel-material-ui, which stands in a shadow of its own */
function frameOf() {
  for (const host of document.querySelectorAll("div")) {
    const frame = host.shadowRoot?.querySelector(".page")
    if (frame) return frame
  }
  return null
}

/**
 * Take the title bar away, and the room that it is left, while the page is presented.
 * @param {boolean} is
 */
export function hideBar(is) {
  for (const bar of /** @type {NodeListOf<HTMLElement>} */ (frameOf()?.querySelectorAll("header, .MuiToolbar-root") ?? []))
    bar.style.display = is ? "none" : ""
}

/**
 * A figure as a picture, as fine as is wanted. BokehJS makes one as fine as the screen, and copies the samples of a legend
 * from there: they would be coarse, of another size than in the page, or missing.
 * @template {"png" | "svg"} Kind
 * @param {FigureView} view
 * @param {Kind} kind
 * @param {number} [ratio] pixels of a PNG for each pixel of the page
 * @returns {Kind extends "png" ? HTMLCanvasElement : string} of an SVG its text
 */
export function exported(view, kind, ratio = 1) {
  const legends = /** @type {LegendView[]} */ ([...view.renderer_views.values()].filter(({model: {type}}) => type === "Legend"))
  const screen_ = /** @type {PropertyDescriptor} */ (Object.getOwnPropertyDescriptor(window, "devicePixelRatio"))
  for (const legend of legends) legend["_draw_legend_items"] = paintItems
  Object.defineProperty(window, "devicePixelRatio", {value: ratio, configurable: true})
  try {
    const made = kind === "png" ? view.export("png", true).canvas : view.export("svg").ctx.get_serialized_svg(true)
    return /** @type {Kind extends "png" ? HTMLCanvasElement : string} */ (made)
  } finally {
    Object.defineProperty(window, "devicePixelRatio", screen_)
    for (const legend of legends) delete legend["_draw_legend_items"]
  }
}

/**
 * @this {LegendView}
 * @param {CanvasRenderingContext2D} context
 * @param {{left: number, top: number}} canvas where the figure's own stands
 */
function paintItems(context, canvas) {
  const {glyph_width: width, glyph_height: height, label_text_color: color} = this.model
  for (const {glyph, item, label, label_el: words} of this.entries) {
    if (!item.visible) continue
    const at = glyph.canvas.getBoundingClientRect()
    context.save()
    context.translate(at.left - canvas.left, at.top - canvas.top)
    for (const renderer of item.renderers)
      this.plot_view.views.find_one(renderer)?.draw_legend(context, 0, width, 0, height, item.get_field_from_label_prop(), label, item.index)
    context.restore()
    const box = words.getBoundingClientRect(), {font} = getComputedStyle(words)
    Object.assign(context, {font, fillStyle: color, textAlign: "left", textBaseline: "middle"})
    context.fillText(words.textContent ?? "", box.left - canvas.left, (box.top + box.bottom) / 2 - canvas.top)
  }
}

// A layout changes what texts of a figure have room for, and these the layout: more rounds than this lead nowhere.
const MOST_ROUNDS = 4

/**
 * Let figures be laid out together, and painted once, for all that has changed until the next frame.
 *
 * BokehJS lays a figure out at once at every change of a property, a dozen times where its letters get another size, and
 * often paints it each time; and every figure writes styles and reads sizes in turn, so that the browser computes the
 * styles anew for each.
 * @param {Document} document before it is drawn
 * @returns {Rounds}
 */
export function layOutTogether(document) {
  sparing(document)
  const {FigureView} = Bokeh.require("models/plots/figure")
  /** @type {Set<View>} */
  const views = new Set()
  /** What is to be laid out, and whether its parts have changed, not its room alone. @type {Map<View, boolean>} */
  const due = new Map()
  /** @type {Set<View>} */
  const unpainted = new Set()
  /** Sizes of letters around the figures, px. @type {Map<View, number | null>} */
  const fontSizes = new Map()
  /** @type {Rounds} */
  const rounds = {now, settle, soon, resized, beforeLayout: new Set(), afterLayout: new Set(), beforePaint: new Set()}
  let frame = 0, isHeld = false, isAsked = false

  class View extends FigureView {
    initialize() {
      super.initialize()
      views.add(this)
    }

    remove() {
      views.delete(this)
      due.delete(this)
      super.remove()
    }

    invalidate_layout() {
      due.set(this, true)
      soon()
    }

    compute_layout() {
      if (!due.has(this)) due.set(this, false)
      soon()
    }

    paint() {
      if (isHeld) unpainted.add(this)
      else super.paint()
    }

    repaint() {
      holding(() => super.repaint())
      now()
    }

    // BokehJS asks the browser for it at each text.
    get base_font_size() {
      if (!fontSizes.has(this)) fontSizes.set(this, super.base_font_size)
      return fontSizes.get(this) ?? null
    }
  }

  const {LegendView} = Bokeh.require("models/annotations/legend")

  class Legend extends LegendView {
    /** What its rows were made of. */
    made = ""

    // BokehJS makes the rows anew whenever anything of the lines changes that they name, such as their points.
    _render_items() {
      const {orientation, ncols, nrows} = this.model
      const rows = this.labels.map(({item, label}) => [item.id, label, item.visible, this["is_active"](item)])
      const made = JSON.stringify([orientation, ncols, nrows, rows])
      if (made === this.made) return
      this.made = made
      super["_render_items"]()
      this.request_paint()
    }
  }

  function soon() {
    isAsked = true
    if (!isHeld) frame ||= window.requestAnimationFrame(now)
  }

  function resized() {
    for (const view of views) if (view.is_displayed && !due.has(view)) due.set(view, false)
  }

  /** @param {() => void} run what is done without painting */
  function holding(run) {
    const wasHeld = isHeld
    isHeld = true
    try {
      run()
    } finally {
      isHeld = wasHeld
    }
  }

  function settle() {
    holding(() => {
      for (let round = 0; round === 0 || due.size && round < MOST_ROUNDS; round += 1) {
        const laidOut = layOut()
        for (const follow of rounds.afterLayout) follow()
        // A title or the numbers of an axis may take more room than before.
        for (const view of laidOut) view["_invalidate_layout_if_needed"]()
        if (!due.size) for (const run of rounds.beforePaint) run()
      }
    })
    if (due.size) soon()
  }

  /** @returns {View[]} what was laid out */
  function layOut() {
    // What is hidden, and was hidden before, is laid out when it is shown.
    const all = [...due].filter(([view]) => view.model.visible || view.is_displayed || !view["_layout_computed"])
    due.clear()
    const laidOut = all.map(([view]) => view)
    for (const view of laidOut) fontSizes.delete(view)
    // All is written, then all is read.
    for (const [view, isNew] of all) if (isNew) view.update_layout()
    for (const view of laidOut) view.measure_layout()
    for (const view of laidOut) view.update_bbox()
    for (const view of laidOut) view["_compute_layout"]()
    for (const view of laidOut) {
      view.after_layout()
      view["_layout_computed"] = true
    }
    return laidOut
  }

  function now() {
    if (isHeld) return
    window.cancelAnimationFrame(frame)
    frame = 0
    isAsked = false
    holding(() => { for (const run of rounds.beforeLayout) run() })
    settle()
    const last = [...unpainted]
    unpainted.clear()
    for (const view of last) view.paint()
    if (isAsked) soon()
  }

  for (const figure of figuresOf(document)) {
    Object.assign(figure, {default_view: View})
    for (const part of figure.center) if (part.type === "Legend") Object.assign(part, {default_view: Legend})
  }
  return rounds
}

/** Documents whose figures take nothing from CSS. @type {WeakSet<Document>} */
const plain = new WeakSet()
let isSparing = false

/**
 * Keep BokehJS from work that changes nothing. At each paint it writes a style sheet for each part of a figure, mostly the
 * one that is there, and looks for each colour and width of each part in CSS (`--bk-line-color`), where we have none: the
 * browser computed styles more than a thousand times while a page was presented.
 * @param {Document} document
 */
function sparing(document) {
  plain.add(document)
  if (isSparing) return
  isSparing = true
  const {InlineStyleSheet} = Bokeh.require("core/dom"), {VisualProperties} = Bokeh.require("core/visuals/visual")
  InlineStyleSheet.prototype["_update"] = function (/** @type {string} */ css) {
    if (this.el.textContent !== css) this.el.textContent = css
  }
  const read = VisualProperties.prototype["_get_css_value"]
  VisualProperties.prototype["_get_css_value"] = function (/** @type {string} */ name) {
    const {document} = this.obj.model
    return document && plain.has(document) ? "" : read.call(this, name)
  }
}
