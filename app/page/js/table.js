// A table of words under the figures, such as settings and results of the runs so far.

/** @import {Message, Table} from "./types" */

import {button, make} from "./dom.js"

/**
 * @param {(message: Message) => void} ask
 * @returns {{node: HTMLElement, draw: (table: Table | null) => void}}
 */
export function tableBox(ask) {
  const title = make("caption"), head = make("tr"), body = make("tbody")
  const clear = button({onclick: () => ask({type: "work", do: "forget"})}, "Clear")
  const table = make("table", {}, title, make("thead", {}, head), body)
  const node = make("div", {class: "runs", hidden: true}, table, clear)
  return {node, draw: (content) => {
    node.hidden = !content
    if (!content) return
    title.textContent = content.title
    clear.textContent = content.clear
    clear.hidden = !content.clear
    head.replaceChildren(...content.head.map((text) => make("th", {scope: "col"}, text)))
    body.replaceChildren(...content.rows.map((row) => make("tr", {}, ...row.map((text) => make("td", {}, text)))))
  }}
}
