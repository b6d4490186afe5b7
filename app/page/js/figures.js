// The figures, made from their template and filled with the page's scene. They start the page's engine: they are always
// drawn, the drawer of a phone is not.

/** @import {Figure} from "@bokehjs/models/plots" */
/** @import {Answer, FigureView, FiguresContent, Part, Scene, Store} from "./types" */

import {keepConnected, keepListening} from "./connection.js"
import {freshId, make} from "./dom.js"
import {startEngine} from "./engine.js"
import {describeFigures} from "./describe.js"
import {projector} from "./film.js"
import {follower} from "./moments.js"
import {guardLeaving} from "./leaving.js"
import {nameLines} from "./legends.js"
import {paint} from "./paint.js"
import {showNumbers} from "./readout.js"
import {applyScene, figuresOf} from "./scene.js"
import {setStage} from "./stage.js"
import {fitTexts} from "./titles.js"
import {layOutTogether} from "./upstream.js"

/**
 * @param {Part<FiguresContent>} model
 * @param {HTMLElement} el
 * @param {Store} store
 * @returns {Promise<void>}
 */
export async function figures(model, el, store) {
  const content = model.content
  const engine = startEngine((message) => model.send_msg(message), store, content.engine)
  if (store.permalink) {
    keepConnected(engine)
    guardLeaving(store)
  }
  const grid = make("div", {class: "figures"})
  const silence = store.permalink ? keepListening() : null
  store.showComputing = (is) => {
    if (is) silence?.waiting()
    else silence?.answered()
    grid.classList.toggle("computing", is)
    grid.setAttribute("aria-busy", String(is))
  }
  const style = make("style")
  el.append(style, make("div", {class: "room"}, grid))
  // Two labs may stand in one notebook: every model gets an id of its own.
  const text = content.template.replace(/"id":"(p\d+)"/g, `"id":"${freshId(store.id)}-$1"`)
  const document = Bokeh.require("document").Document.from_json(JSON.parse(text))
  const plots = figuresOf(document)
  /** @type {Scene[]} */
  const early = []
  store.receivers.scene = (scene) => early.push(scene)
  model.on("msg:custom", (/** @type {Answer} */ answer) => {
    if (answer.type !== "update") return
    engine.receive(answer)
    const {answered} = answer
    // The page asks again only when this picture is drawn.
    if (answered !== undefined) requestAnimationFrame(() => {
      engine.drawn(answered)
      window.dispatchEvent(new CustomEvent("amtlab-drawn", {detail: answered}))
    })
  })
  const first = applyScene(document, content.scene, true)
  store.corner = make("div", {class: "corner"})
  grid.append(store.corner)
  store.receivers.corner?.()
  const targets = plots.map((figure) => make("div", {"data-name": figure.name}))
  grid.append(...targets)
  const bar = make("div", {class: "film"})
  if (content.films.length) grid.append(bar)
  const films = [...content.films.map((film) => projector(document, film, bar, store)),
    ...content.moments.map((picture) => follower(document, picture, store))]
  /** @param {NonNullable<Scene["films"]>} fresh */
  const show = (fresh) => { for (const film of films) film.take(fresh) }
  show(first)
  // A figure stands in the area of its name, unless the lab's own rules say otherwise.
  const areas = plots.map(({name}) => `.figures > [data-name="${name}"] { grid-area: ${name}; min-width: 0 }`)
  style.textContent = areas.join("\n") + content.grid
  store.repaint = (colors) => paint(document, grid, colors ?? undefined)
  store.repaint(null)
  const rounds = layOutTogether(document)
  const views = await Bokeh.embed.add_document_standalone(document, grid, targets)
  store.views = plots.map((figure) => /** @type {FigureView} */ (/** @type {unknown} */ (views.get(figure))))
  store.axes = content.axes
  rounds.settle()
  showNumbers(store)
  const names = nameLines(store.views, rounds)
  names.paint(getComputedStyle(grid).color)
  store.repaint = (colors) => {
    paint(document, grid, colors ?? undefined)
    names.paint(colors?.ink ?? getComputedStyle(grid).color)
  }
  store.receivers.views?.()
  const relayout = (/** @type {Figure[]} */ figures) => {
    for (const view of store.views) {
      if (!figures.includes(view.model)) continue
      view.invalidate_layout()
      view.request_repaint()
    }
    rounds.now()
  }
  const topOf = (/** @type {Figure} */ {name, visible}) => {
    const target = targets.find((target) => target.dataset.name === name)
    return target && visible ? target.getBoundingClientRect().top : null
  }
  setStage(document, grid, store, rounds, fitTexts(document, rounds, relayout, topOf))
  const describe = describeFigures(document, targets)
  store.receivers.scene = (scene) => {
    show(applyScene(document, scene))
    names.follow(scene)
    describe()
  }
  for (const scene of early) store.receivers.scene(scene)
  // In a notebook, cells run on while this one is being drawn: what they changed meanwhile is asked for.
  if (!store.permalink || content.late) model.send_msg({type: "hello"})
  // Whatever changes the colour of the page's letters, such as its button for the dark.
  grid.addEventListener("transitionend", ({propertyName, target}) => {
    if (target === grid && propertyName === "color") store.repaint(null)
  })
  // On a touch screen a finger that moves scrolls the page; only a tap looks closer.
  let isTouch = false
  grid.addEventListener("pointerdown", ({pointerType}) => { isTouch = pointerType === "touch" }, {capture: true})
  for (const figure of plots)
    if (content.pointable.includes(figure.name ?? "")) followPointer(figure, store, () => isTouch)
}

/**
 * Look closer at a place of a figure that is clicked, dragged over or, where that is asked for, pointed at.
 * @param {Figure} figure
 * @param {Store} store
 * @param {() => boolean} isTouched whether a finger points, which moves the page where it drags
 */
function followPointer(figure, store, isTouched) {
  /** @param {{x: number, y: number}} event */
  const look = ({x, y}) => {
    if (Number.isFinite(x)) store.engine?.point({figure: figure.name ?? "", x, y})
  }
  let isDragging = false
  figure.on_event("tap", look)
  figure.on_event("panstart", () => { isDragging = figure.toolbar.active_drag == null && !isTouched() })
  figure.on_event("pan", (event) => { if (isDragging) look(event) })
  figure.on_event("mousemove", (event) => {
    const {x_range, y_range} = figure
    const isInside = event.x > x_range.start && event.x < x_range.end && event.y > y_range.start && event.y < y_range.end
    if (store.values["v.follow"] && isInside) look(event)
  })
}
