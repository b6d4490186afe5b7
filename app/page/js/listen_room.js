// A class in a room: the code that lets it in, and its thresholds as they come.

/** @import {ListenPage, RoomState} from "./types" */

import {HERE_ALONE} from "./code.js"
import {button, counted, make} from "./dom.js"
import {Refused, ask} from "./listen_ask.js"
import {addressOf, codeFor, copy, fetchFile, sure} from "./listen_share.js"

const LOOK_MS = 2500

/**
 * @param {string} html made by the server from numbers and words of its own
 * @param {string} kind
 * @returns {HTMLElement}
 */
export function drawnBy(html, kind) {
  const place = make("div", {class: kind})
  place.innerHTML = html
  return place
}

/**
 * The histograms of the page's room, which follow what is sent for as long as they are shown.
 * @param {ListenPage} page
 * @param {(room: RoomState) => void} [seen]
 * @param {boolean} [hides] what was predicted until that is asked for: a class that sees it is still predicting
 * @returns {HTMLElement}
 */
export function classPictures(page, seen, hides = false) {
  const table = make("tbody")
  const results = make(hides ? "details" : "section", {hidden: true},
    hides ? make("summary", {}, "Show what was predicted") : make("h3", {}, "Predicted"),
    make("table", {class: "predicted"}, table))
  const pictures = make("div", {class: "class"})
  const place = make("div", {}, results, pictures)
  const follow = async () => {
    let before = ""
    do {
      try {
        /** @type {RoomState} */
        const room = await ask({type: "room", room: page.room, lesson: page.lesson?.slug ?? ""})
        const now = JSON.stringify(room)
        if (now !== before) {
          table.replaceChildren(...predicted(room))
          results.hidden = !table.children.length
          pictures.replaceChildren(...room.conditions.map((each) =>
            make("section", {}, make("h3", {}, each.name), make("p", {}, each.says || "Nothing was sent yet."),
              drawnBy(each.picture, "picture"))))
        }
        before = now
        seen?.(room)
      } catch (problem) {
        if (!(problem instanceof Refused)) throw problem
        place.replaceChildren(make("p", {class: "problem"}, problem.message))
        return
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    } while (place.isConnected)
  }
  setTimeout(() => void follow(), 0)
  return place
}

/** @param {RoomState} room @returns {HTMLElement[]} what the class has predicted: a row for each choice, none of nothing */
function predicted({predictions}) {
  const all = predictions.reduce((sum, [, count]) => sum + count, 0)
  return all ? predictions.map(([says, count]) => make("tr", {}, make("th", {scope: "row"}, says),
    make("td", {}, String(count)),
    make("td", {}, make("span", {class: "bar-of", style: `width: ${((12 * count) / all).toFixed(2)}em`})))) : []
}

/** @param {ListenPage} page */
export async function roomScreen(page) {
  const address = addressOf(`room=${page.room}${page.lesson ? `&lesson=${page.lesson.slug}` : ""}`)
  const status = make("p", {role: "status"})
  const count = make("p", {class: "count", role: "status"}, "0 results")
  const say = (/** @type {string} */ text) => { status.textContent = text }
  const {room, key} = page
  page.show(
    make("h1", {}, page.lesson?.question ?? "Your class takes part here"),
    make("div", {class: "room-board"},
      make("div", {class: "way-in"}, make("div", {class: "code"}, await codeFor(address)),
        make("p", {class: "address"}, address),
        HERE_ALONE.test(address) ? make("p", {class: "fine"}, "This address works on this machine alone: for a class, open the " +
          "page under the address that the server printed for other machines.") : null),
      make("div", {}, count, classPictures(page, (found) => {
        const text = counted(found.count, "result")
        if (count.textContent !== text) count.textContent = text
      }, true))),
    make("p", {class: "row"},
      button({onclick: () => copy(address, say)}, "Copy the link for students"),
      button({onclick: () => copy(location.href, say)}, "Copy the link for yourself"),
      button({onclick: () => void fetchFile({type: "export-room", room, key})}, "CSV"),
      button({onclick: async () => {
        if (!await sure("End this room? What was sent to it is removed for good.", "End the room")) return
        await ask({type: "end-room", room, key})
        location.assign("listen")
      }}, "End the room")),
    status,
    make("p", {class: "fine"}, "Keep the link for yourself: whoever has it can end this room. Results are anonymous, and are " +
      "removed with the room, or with the server where it was started without --results."))
}
