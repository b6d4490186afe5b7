// One control for each kind of setting: a slider with a number, a choice, a box to tick, a line of text.

/** @import {ChoiceEntry, Entry, FlagEntry, NumberEntry, Store, TextEntry, Value} from "./types" */
/** @import {Child} from "./dom.js" */

import {freshId, make, whenTyped} from "./dom.js"
import {ladder, nearest} from "./scale.js"

/**
 * @typedef {object} Control
 * @property {HTMLElement} node
 * @property {(value: Value) => void} show
 */

/**
 * @param {Entry} entry
 * @param {string} id of the input
 * @param {Child[]} label
 * @param {...Child} rest what stands beside the label, and under it
 * @returns {HTMLElement}
 */
function frame(entry, id, label, ...rest) {
  const [beside, ...below] = rest
  return make("div", {class: "control", title: entry.help},
    make("div", {class: "head"}, make("label", {for: id}, ...label), beside),
    ...below,
    make("p", {class: "help", id: `${id}-help`}, entry.help))
}

/**
 * @param {NumberEntry} entry
 * @param {Store} store
 * @returns {Control}
 */
function numberControl(entry, store) {
  const id = freshId("slider")
  const rungs = ladder(entry)
  const slider = make("input", {
    type: "range", id, "aria-describedby": `${id}-help`,
    min: String(rungs ? 0 : entry.min), max: String(rungs ? rungs.length - 1 : entry.max),
    step: String(rungs ? 1 : entry.step),
  })
  const number = make("input", {
    type: "number", class: "number", "aria-label": `${entry.label}, exact value`,
    min: String(entry.min), max: String(entry.max), step: "any",
  })
  /** @param {number} value @param {boolean} moveSlider */
  const show = (value, moveSlider) => {
    if (moveSlider) slider.value = String(rungs ? nearest(rungs, value) : value)
    number.value = String(value)
    slider.setAttribute("aria-valuetext", entry.unit ? `${value} ${entry.unit}` : `${value}`)
    const share = (Number(slider.value) - Number(slider.min)) / (Number(slider.max) - Number(slider.min))
    slider.style.setProperty("--filled", `${100 * Math.min(Math.max(share, 0), 1)}%`)
  }
  slider.addEventListener("input", () => {
    const value = rungs ? rungs[Number(slider.value)] : Number(Number(slider.value).toPrecision(10))
    show(value, false)
    store.engine?.set(entry.key, value)
  })
  whenTyped(number, () => {
    if (number.value === "" || !Number.isFinite(Number(number.value))) show(Number(store.values[entry.key]), true)
    else store.engine?.set(entry.key, Number(number.value))
  })
  slider.addEventListener("dblclick", () => store.engine?.set(entry.key, entry.default))
  const value = make("span", {class: "value"}, number, make("span", {class: "unit", "aria-hidden": "true"}, entry.unit))
  return {node: frame(entry, id, [entry.label], value, slider), show: (value) => show(Number(value), true)}
}

/**
 * @param {ChoiceEntry} entry
 * @param {Store} store
 * @returns {Control}
 */
function choiceControl(entry, store) {
  const id = freshId("choice")
  const select = make("select", {id, "aria-describedby": `${id}-help`},
    ...entry.options.map(([value, name]) => make("option", {value: String(value)}, name)))
  const values = new Map(entry.options.map(([value]) => [String(value), value]))
  select.addEventListener("change", () => {
    const value = values.get(select.value)
    if (value !== undefined) store.engine?.set(entry.key, value)
  })
  return {node: frame(entry, id, [entry.label], null, select), show: (value) => { select.value = String(value) }}
}

/**
 * @param {FlagEntry} entry
 * @param {Store} store
 * @returns {Control}
 */
function flagControl(entry, store) {
  const id = freshId("flag")
  const box = make("input", {type: "checkbox", id, "aria-describedby": `${id}-help`})
  box.addEventListener("change", () => store.engine?.set(entry.key, box.checked))
  return {node: frame(entry, id, [box, ` ${entry.label}`]), show: (value) => { box.checked = Boolean(value) }}
}

/**
 * @param {TextEntry} entry
 * @param {Store} store
 * @returns {Control}
 */
function textControl(entry, store) {
  const id = freshId("text")
  const box = make("input", {type: "text", id, maxlength: "200", autocomplete: "off", "aria-describedby": `${id}-help`})
  whenTyped(box, () => store.engine?.set(entry.key, box.value))
  return {node: frame(entry, id, [entry.label], null, box), show: (value) => { box.value = String(value) }}
}

/**
 * @param {Entry} entry
 * @param {Store} store
 * @returns {Control}
 */
function controlFor(entry, store) {
  switch (entry.kind) {
    case "number": return numberControl(entry, store)
    case "choice": return choiceControl(entry, store)
    case "flag": return flagControl(entry, store)
    case "text": return textControl(entry, store)
  }
}

/**
 * @param {Entry} entry
 * @param {Pick<Store, "values" | "hidden" | "editing">} store
 * @returns {boolean} whether the control is shown in the present state
 */
export function isShown(entry, {values, hidden, editing}) {
  const matters = Object.entries(entry.when ?? {}).every(([key, allowed]) => allowed.includes(values[key]))
  return matters && (editing || !hidden.has(entry.key))
}

/**
 * Draw controls into an element, and keep them in step with the values.
 * @param {HTMLElement} parent
 * @param {Entry[]} entries
 * @param {Store} store
 * @returns {{drawn: {entry: Entry, node: HTMLElement}[], end: () => void}} the controls, and what lets go of them
 */
export function drawControls(parent, entries, store) {
  const drawn = entries.map((entry) => ({entry, ...controlFor(entry, store)}))
  parent.append(...drawn.map(({node}) => node))
  /** @param {Set<string>} [moved] */
  const refresh = (moved) => {
    for (const {entry, node, show} of drawn) {
      if (moved === undefined || moved.has(entry.key)) show(store.values[entry.key])
      node.hidden = !isShown(entry, store)
    }
  }
  store.watchers.add(refresh)
  refresh()
  return {drawn, end: () => store.watchers.delete(refresh)}
}
