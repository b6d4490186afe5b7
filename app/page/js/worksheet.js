// The open lesson as a printable page: title, text, task, figures, questions with the answers or room for them, QR code.

/** @import {FigureView, Store, Story} from "./types" */

import {answerTo} from "./answers.js"
import {codeOfPage} from "./code.js"
import {titleOf} from "./describe.js"
import {make} from "./dom.js"
import {inline, markdown} from "./markdown.js"
import {exported} from "./upstream.js"

// Pixels of paper for each pixel of the page: the figure in question, some 600 px wide, gets the width of the sheet.
const RATIO = 3

// Nothing else is printed, in the colours of paper.
const STYLE = `
.amtlab-worksheet { display: none; }
@page { margin: 16mm; }
@media print {
  html, body { height: auto !important; overflow: visible !important; background: #fff !important; }
  body > *:not(.amtlab-worksheet) { display: none !important; }
  .amtlab-worksheet { display: block; color: #000; background: #fff; font: 11pt/1.45 Roboto, "Segoe UI", system-ui, sans-serif; }
  .amtlab-worksheet h1 { margin: 0 0 4mm; font-size: 18pt; line-height: 1.2; }
  .amtlab-worksheet header { display: flex; gap: 8mm; justify-content: space-between; }
  .amtlab-worksheet .code { flex: 0 0 32mm; }
  .amtlab-worksheet .code svg { display: block; width: 32mm; height: 32mm; }
  .amtlab-worksheet .lab { margin: 0; font-size: 10pt; }
  .amtlab-worksheet .name { margin: 0 0 4mm; }
  .amtlab-worksheet .pictures { display: flex; flex-wrap: wrap; align-items: end; margin: 4mm 0; }
  .amtlab-worksheet figure { box-sizing: border-box; margin: 0; padding: 0 2mm 3mm 0; break-inside: avoid; }
  .amtlab-worksheet img { display: block; width: 100%; }
  .amtlab-worksheet .task { font-weight: bold; }
  .amtlab-worksheet li { margin: 0 0 3mm; break-inside: avoid; }
  .amtlab-worksheet .given { margin: 1mm 0 0; white-space: pre-wrap; font-style: italic; }
  .amtlab-worksheet .room { height: 24mm; border-bottom: 0.3mm solid #999;
    background: repeating-linear-gradient(transparent 0 7.7mm, #999 7.7mm 8mm); }
}`

/**
 * @param {Story} story
 * @param {Store} store
 * @returns {Promise<void>}
 */
export async function printWorksheet(story, store) {
  const {svg, link} = await codeOfPage(store)
  store.repaint({ink: "#000000", paper: "#ffffff", faint: "#bbbbbb"})
  const sheet = sheetOf(story, store, svg, link)
  store.repaint(null)
  document.body.append(sheet)
  const over = () => {
    sheet.remove()
    window.removeEventListener("afterprint", over)
  }
  window.addEventListener("afterprint", over)
  await Promise.all([...sheet.querySelectorAll("img")].map((image) => image.decode().catch(() => {})))
  window.print()
}

/**
 * @param {Story} story
 * @param {Store} store
 * @param {SVGSVGElement | null} code
 * @param {string} link
 */
function sheetOf({title, text, questions, task, figure}, store, code, link) {
  const shown = store.views.map((view) => ({view, box: view.el.getBoundingClientRect()})).filter(({box}) => box.width > 0)
  const whole = Math.max(...shown.map(({box}) => box.right)) - Math.min(...shown.map(({box}) => box.left))
  // As wide as on the page, but for the one in question, which has a row of its own.
  const pictures = shown.map(({view, box}) => {
    const share = view.model.name === figure ? 1 : Math.min(box.width / whole, 1)
    return make("figure", {style: `width: ${(100 * share).toFixed(1)}%`}, pictureOf(view))
  })
  return make("article", {class: "amtlab-worksheet"},
    make("style", {}, STYLE),
    make("header", {},
      make("div", {},
        make("p", {class: "lab"}, `AMT Lab · ${store.title}`),
        make("h1", {}, title),
        make("p", {class: "name"}, "Name: ______________________________   Date: ______________")),
      code && make("div", {class: "code"}, code)),
    ...markdown(text),
    task && make("p", {class: "task"}, `Task: ${task}`),
    make("div", {class: "pictures"}, ...pictures),
    make("ol", {}, ...questions.map(([ask]) => {
      const given = answerTo(ask)
      return make("li", {}, ...inline(ask), make("div", given ? {class: "given"} : {class: "room"}, given))
    })),
    make("p", {class: "lab"}, link.length < 200 ? link : ""))
}

/** @param {FigureView} view @returns {HTMLImageElement} */
function pictureOf(view) {
  return make("img", {src: exported(view, "png", RATIO).toDataURL("image/png"), alt: titleOf(view.model)})
}
