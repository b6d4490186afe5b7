// What stands under the figures: comparing two states, keeping pictures and data, the code; and the player in the
// figures' corner.

/** @import {Answer, Message, Part, Store, ToolsContent} from "./types" */

import {button, copied, make} from "./dom.js"
import {liveSection} from "./live.js"
import {picture} from "./picture.js"
import {playerFor} from "./player.js"
import {answerQuestions} from "./question.js"
import {tableBox} from "./table.js"
import {workBar} from "./work.js"

/** @typedef {(message: Message) => void} Ask */

/**
 * @param {string} label
 * @param {...(HTMLElement | null)} nodes
 * @returns {HTMLElement}
 */
function group(label, ...nodes) {
  return make("div", {class: "group", role: "group", "aria-label": label},
    make("span", {class: "label"}, label), ...nodes)
}

/**
 * @param {Part<ToolsContent>} model
 * @param {HTMLElement} el
 * @param {Store} store
 */
export function tools(model, el, store) {
  const {sounds, exports, file, compares, fits} = model.content
  /** @type {Ask} */
  const ask = (message) => store.engine?.ask(message)
  const {player, status, hear} = playerFor(model, ask, store)
  const listen = sounds.map(([key, label, help]) => button({title: help, onclick: () => hear(key)}, `▶ ${label}`))
  const pin = button({onclick: () => ask({type: "pin"}),
    title: "Keep the present state as a dashed ghost behind the live one"}, "Pin as A")
  const whilePinned = [
    button({onclick: () => ask({type: "swap"})}, "Swap A and B"),
    button({onclick: () => ask({type: "unpin"})}, "Unpin"),
    button({onclick: () => hear("a")}, "▶ A"),
    button({onclick: () => hear("b")}, "▶ B"),
  ]
  const fit = button({onclick: () => ask({type: "fit"}), title: "Set the axes to what is there now"}, "Fit axes")
  const keep = [
    button({onclick: () => picture(store.views, "png", file)}, "PNG"),
    button({onclick: () => picture(store.views, "svg", file)}, "SVG"),
    ...exports.map(([key, label, help]) => button({title: help, onclick: () => ask({type: "export", key})}, label)),
  ]
  const work = workBar(ask)
  const code = codeBox(ask)
  let place = () => {}
  const live = model.content.live ? liveSection(model.content, model.content.live, ask, store) : null
  const runs = tableBox(ask)
  /** @param {ToolsContent} content */
  const draw = (content) => {
    for (const node of whilePinned) node.hidden = !content.pinned
    for (const [i, [key]] of content.sounds.entries()) {
      const heard = listen[sounds.findIndex((each) => each[0] === key)]
      heard.hidden = content.silent.includes(key)
      heard.style.order = String(i)  // a lesson's own sound stands first
    }
    code.draw(content.code)
    work.draw(content.work)
    if (content.work) place()
    live?.draw(content)
    runs.draw(content.table)
  }
  model.on("msg:custom", (/** @type {Answer} */ answer) => {
    if (answer.type === "code" || answer.type === "failed") store.receivers.code?.(answer)
  })
  store.title = model.content.title
  store.receivers.tools = draw
  draw(model.content)
  const compare = compares ? group("Compare", pin, ...whilePinned, fits ? fit : null) : null
  const atRisk = make("span", {class: "fine", hidden: true},
    "A reload of this page loses the trained network: keep it as a file.")
  store.watchers.add(() => { atRisk.hidden = !store.frame.unsaved })
  const root = make("div", {class: "tools"}, make("div", {class: "row"}, compare, group("Keep", ...keep), atRisk), runs.node, code.node)
  el.append(root)
  answerQuestions(el, store)

  const heard = sounds.length ? [group("Listen", ...listen), player, status] : [player, status]
  const ears = make("div", {class: "listen"}, work.node, ...heard)
  place = () => {
    const corner = store.corner ?? el
    // Nothing stands in it, or all that does.
    if (ears.parentElement === corner || (!sounds.length && !live && work.node.hidden)) return
    corner.prepend(ears, ...(live ? [live.node] : []))
  }
  store.receivers.corner = place
  place()
}

/**
 * @param {Ask} ask
 * @returns {{node: HTMLElement, draw: (text: string) => void}}
 */
function codeBox(ask) {
  const code = make("code")
  const status = make("span", {class: "said", role: "status"})
  const copy = async () => {
    status.textContent = await copied(code.textContent ?? "") ? "Copied" : "Select the text and copy it"
  }
  const node = make("details", {class: "code"}, make("summary", {}, "Show the code"),
    button({onclick: copy}, "Copy"), status, make("pre", {tabindex: "0", "aria-label": "Code"}, code))
  node.addEventListener("toggle", () => ask({type: "code", open: node.open}))
  return {node, draw: (text) => { if (code.textContent !== text) code.textContent = text }}
}
