// Handing the page on: its link copied, or as a code that a room scans.

/** @import {Store} from "./types" */

import {HERE_ALONE, codeOfPage} from "./code.js"
import {button, copied, make} from "./dom.js"

const ONLY_HERE = "This address works on this machine alone. For the room, open the page under the address that the server " +
  "printed for other machines (amtlab serve --address 0.0.0.0), and show its code."

/** @param {Store} store @returns {Promise<void>} */
export async function copyLink(store) {
  const address = store.engine?.address() ?? ""
  history.replaceState(history.state, "", address)
  store.say(await copied(new URL(address, location.href).href) ? "Link copied." : "Copy the link from the address bar.")
}

/**
 * The code of the page's address, large enough for a room.
 * @param {Store} store
 * @returns {{button: HTMLButtonElement, box: HTMLDialogElement}}
 */
export function codeBox(store) {
  const place = make("div", {class: "code"})
  const address = make("p", {class: "address"})
  const box = make("dialog", {class: "question room-code", "aria-label": "QR code of this page"}, place, address,
    make("div", {class: "choices"}, button({onclick: () => box.close()}, "Close")))
  return {box, button: button({title: "The link as a code for the room’s telephones", onclick: async () => {
    const {svg, link, problem} = await codeOfPage(store)
    place.replaceChildren(...(svg ? [svg] : []))
    address.textContent = problem || HERE_ALONE.test(link) && ONLY_HERE || (link.length < 200 ? link : "")
    box.showModal()
  }}, "QR code")}
}
