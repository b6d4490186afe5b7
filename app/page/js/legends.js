// What the lines of a figure are called: beside them where there is a place, else in the legend, which names only what is
// there.

/** @import {Figure} from "@bokehjs/models/plots" */
/** @import {Label} from "@bokehjs/models/annotations/label" */
/** @import {Line, Placed} from "./labels.js" */
/** @import {FigureView, LegendItems, Rounds, Scene} from "./types" */

import {mixed} from "./colours.js"
import {make} from "./dom.js"
import {placedBeside} from "./labels.js"

// As many lines have their names beside them.
const MOST = 4
// Of a legend, px: the sample with the space beside it, the height of a row, and what surrounds them, at letters of 11 px.
const SAMPLE = 25, ROW = 14, AROUND = 12, LETTERS = 11
// Lines drawn beyond this share of the frame's height are cut there: what is far away is not told apart.
const BEYOND = 20

/** @typedef {LegendItems[number]} Item */

/** Entries whose layer shows something. @type {WeakMap<Item, boolean>} */
const there = new WeakMap()
/** Entries whose name stands beside their line, or whose line another one covers. @type {WeakSet<Item>} */
const beside = new WeakSet()

/** @param {Figure} figure @returns {Item[]} */
function itemsOf(figure) {
  return figure.center.filter((part) => part.type === "Legend")
    .flatMap((legend) => /** @type {{items: LegendItems}} */ (/** @type {unknown} */ (legend)).items)
}

/** @param {Item} item */
function isThere(item) {
  return there.get(item) ?? item.visible
}

/** @param {Item} item @returns {string} */
function nameOf({label}) {
  return label && typeof label === "object" && "value" in label ? String(label.value) : ""
}

/** @param {Figure} figure @returns {string[]} what of a figure has a name and is there */
export function namesOf(figure) {
  return itemsOf(figure).filter(isThere).map(nameOf).filter(Boolean)
}

/** @param {Item} item */
function show(item) {
  const is = isThere(item) && !beside.has(item)
  if (item.visible !== is) item.visible = is
}

/**
 * Name only what is there: a line without points has no entry.
 * @param {Figure[]} figures
 * @param {Scene} scene
 * @param {boolean} isFirst whether the figures held nothing but what stands in their template
 */
export function tidyLegends(figures, scene, isFirst) {
  const filled = new Map(Object.entries(scene.data).map(([name, columns]) =>
    [`${name}-data`, hasPoints(Object.values(columns)[0])]))
  for (const item of figures.flatMap(itemsOf)) {
    const known = item.renderers
      .map(({data_source: {name}}) => filled.get(String(name)) ?? (isFirst && name ? false : null))
      .filter((is) => is !== null)
    if (!known.length) continue
    there.set(item, known.some(Boolean))
    show(item)
  }
}

/**
 * @param {unknown} column
 * @returns {boolean}
 */
function hasPoints(column) {
  if (Array.isArray(column)) return column.length > 0
  return ArrayBuffer.isView(column) && column.byteLength > 0
}

/**
 * Keep the names of lines beside them, as the figures change.
 * @param {FigureView[]} views
 * @param {Rounds} rounds
 * @returns {{follow: (scene: Scene) => void, paint: (ink: string) => void}} to be called with what has changed, and with
 *   the colour of the page's letters
 */
export function nameLines(views, rounds) {
  const context = /** @type {CanvasRenderingContext2D} */ (make("canvas").getContext("2d"))
  let ink = "#000000"
  /** @type {Map<string, () => void>} */
  const runs = new Map()
  for (const view of views) {
    const figure = view.model
    const labels = new Map(figure.center.filter((part) => part.type === "Label")
      .map((part) => [String(part.name), /** @type {Label} */ (part)]))
    if (!labels.size) continue
    /** @type {Map<string, Placed>} */
    const held = new Map()
    let isDue = false
    rounds.beforePaint.add(() => {
      if (isDue) nameThose(view, labels, held, context, ink)
      isDue = false
    })
    const soon = () => {
      isDue = true
      rounds.soon()
    }
    const {inner_width: width, inner_height: height} = figure.properties
    const size = [...labels.values()][0].properties.text_font_size
    for (const property of [width, height, size]) property.change.connect(soon)
    for (const range of [figure.x_range, figure.y_range]) range.change.connect(soon)
    runs.set(String(figure.name), soon)
    soon()
  }
  return {
    follow: ({data, set}) => {
      const moved = new Set([...Object.keys(data), ...Object.keys(set)].map((path) => path.split(/[/.]/)[0]))
      for (const name of moved) runs.get(name)?.()
    },
    paint: (colour) => {
      ink = colour
      for (const run of runs.values()) run()
    },
  }
}

/**
 * @param {FigureView} view
 * @param {Map<string, Label>} labels by name
 * @param {Map<string, Placed>} held where names stand, by that of their label
 * @param {CanvasRenderingContext2D} context
 * @param {string} ink
 */
function nameThose(view, labels, held, context, ink) {
  const items = itemsOf(view.model).filter((item) => isThere(item) && nameOf(item))
  const keyOf = (/** @type {Item} */ {name}) => String(name).replace(/-legend$/, "-beside")
  const named = items.filter((item) => labels.has(keyOf(item)))
  const letters = parseFloat(String([...labels.values()][0].text_font_size)) / LETTERS
  const placed = named.length <= MOST && view.model.visible
    ? placesFor(view, named, items.filter((item) => !named.includes(item)), letters, context, named.map((item) => held.get(keyOf(item))))
    : []
  held.clear()
  for (const [key, label] of labels) {
    const i = named.findIndex((item) => keyOf(item) === key)
    const box = placed[i]
    if (!box) {
      if (label.visible) label.visible = false
      continue
    }
    held.set(key, box)
    // As well to be read as letters, and as well to be told apart as lines.
    const colour = mixed(colourOf(named[i]), ink, 0.5)
    label.setv({
      x: view.frame.bbox.left + box.left, y: view.frame.bbox.top + box.top, text: nameOf(named[i]), text_color: colour, visible: true,
    })
  }
  for (const item of itemsOf(view.model)) {
    if (named.includes(item) && placed[named.indexOf(item)] !== undefined) beside.add(item)
    else beside.delete(item)
    show(item)
  }
}

/**
 * @param {FigureView} view
 * @param {Item[]} named
 * @param {Item[]} rest what stays in the legend
 * @param {number} letters size of the letters, as a multiple of the usual
 * @param {CanvasRenderingContext2D} context
 * @param {(Placed | undefined)[]} held
 * @returns {(Placed | null | undefined)[]} see `placedBeside`
 */
function placesFor(view, named, rest, letters, context, held) {
  const {bbox} = view.frame, room = {width: bbox.right - bbox.left, height: bbox.height}
  context.font = `${LETTERS * letters}px ${fontOf(view.model)}`
  const widthOf = (/** @type {Item} */ item) => context.measureText(nameOf(item)).width
  const sizes = named.map((item) => ({width: widthOf(item), height: LETTERS * letters * 1.2}))
  const own = named.map(({renderers}) => renderers[0])
  const lines = own.map((renderer) => linesOf(view, renderer)[0] ?? {x: [], y: []})
  const others = view.model.renderers.filter((each) => !own.some((renderer) => renderer === each))
    .flatMap((renderer) => linesOf(view, renderer))
  // What finds no place goes into the legend, which takes room itself.
  for (let inLegend = rest; ;) {
    const boxes = inLegend.length ? [legendBox(view.model, inLegend, widthOf, room, letters)] : []
    const placed = placedBeside(lines, sizes, room, {lines: others, boxes}, held)
    const left = [...rest, ...named.filter((_, i) => placed[i] === undefined)]
    if (left.length <= inLegend.length) return placed
    inLegend = left
  }
}

/** @param {Figure} figure */
function fontOf(figure) {
  const label = figure.center.find((part) => part.type === "Label")
  return String(/** @type {Label | undefined} */ (label)?.text_font ?? "helvetica")
}

/**
 * @param {Figure} figure
 * @param {Item[]} shown what stands in its legend
 * @param {(item: Item) => number} widthOf px
 * @param {{width: number, height: number}} room
 * @param {number} letters
 */
function legendBox(figure, shown, widthOf, room, letters) {
  const legend = /** @type {{location: string, ncols: number | "auto"}} */ (/** @type {unknown} */ (figure.center.find((part) => part.type === "Legend")))
  const {location, ncols} = legend
  // Entries fill one column after the other; those that are not shown leave no gap.
  const all = itemsOf(figure), rows = Math.ceil(all.length / (ncols === "auto" ? 1 : ncols))
  /** Width of each column's widest entry, px. @type {number[]} */
  const widths = []
  for (const item of shown) {
    const column = Math.floor(all.indexOf(item) / rows)
    widths[column] = Math.max(widths[column] ?? 0, widthOf(item) + (SAMPLE + AROUND) * letters)
  }
  const width = widths.reduce((sum, each) => sum + each, 0)
  const height = (ROW * new Set(shown.map((item) => all.indexOf(item) % rows)).size + AROUND) * letters
  return {
    left: location.endsWith("right") ? room.width - width : 0, width,
    top: location.startsWith("bottom") ? room.height - height : 0, height,
  }
}

/**
 * @param {FigureView} view
 * @param {unknown} renderer
 * @returns {Line[]} its lines, px from the upper left corner of the frame; marks are short ones
 */
function linesOf({frame}, renderer) {
  const {glyph, data_source: source, visible} = /** @type {{glyph?: Record<string, unknown>, data_source?: {data: unknown}, visible: boolean}} */ (renderer)
  if (!glyph || !source || !visible) return []
  const data = /** @type {Record<string, ArrayLike<number>>} */ (
    source.data instanceof Map ? Object.fromEntries(source.data) : source.data)
  /** @param {string} name */
  const column = (name) => data[String(/** @type {{field?: string}} */ (glyph[name])?.field)]
  const furthest = BEYOND * frame.bbox.height
  /** @param {ArrayLike<number>} values */
  const across = (values) => Array.from(values, (value) => frame.x_scale.compute(value) - frame.bbox.left)
  /** @param {ArrayLike<number>} values */
  const down = (values) => Array.from(values, (value) =>
    Math.min(Math.max(frame.y_scale.compute(value) - frame.bbox.top, -furthest), furthest))
  const {type} = /** @type {{type?: string}} */ (glyph)
  if (type === "Line") return [{x: across(column("x")), y: down(column("y"))}]
  if (type === "MultiLine") {
    const xs = /** @type {ArrayLike<number>[]} */ (/** @type {unknown} */ (column("xs")))
    const ys = /** @type {ArrayLike<number>[]} */ (/** @type {unknown} */ (column("ys")))
    return Array.from(xs, (x, i) => ({x: across(x), y: down(ys[i])}))
  }
  if (type === "Segment") {
    const [x0, y0, x1, y1] = ["x0", "y0", "x1", "y1"].map(column)
    return Array.from(x0, (_, i) => ({x: across([x0[i], x1[i]]), y: down([y0[i], y1[i]])}))
  }
  if (type === "Scatter" || type === "Text") {
    const size = Number(/** @type {{value?: number}} */ (glyph["size"])?.value ?? 2 * LETTERS) / 2
    const x = across(column("x")), y = down(column("y"))
    return x.flatMap((at, i) => [{x: [at - size, at + size], y: [y[i] - size, y[i] - size]},
      {x: [at - size, at + size], y: [y[i] + size, y[i] + size]}])
  }
  return []
}

/** @param {Item} item @returns {string} */
function colourOf({renderers: [renderer]}) {
  const {glyph} = /** @type {{glyph?: {line_color?: {value?: string}}}} */ (/** @type {unknown} */ (renderer))
  return glyph?.line_color?.value ?? "#888888"
}
