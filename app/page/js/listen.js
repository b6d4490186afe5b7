// The listening test: which screen is shown, its keys, and what is at stake when it is left.

/** @import {ListenPage, Offer, RunState} from "./types" */

import {button, make} from "./dom.js"
import {Refused, ask, whenLost} from "./listen_ask.js"
import {chooseScreen, introScreen} from "./listen_choose.js"
import {lessonScreen, partDone} from "./listen_lesson.js"
import {resultScreen} from "./listen_result.js"
import {roomScreen} from "./listen_room.js"
import {runScreen} from "./listen_run.js"
import {listenBar} from "./listen_share.js"

const main = /** @type {HTMLElement} */ (document.querySelector("main"))
const said = make("p", {class: "said-aloud", role: "status"})
const lost = make("p", {class: "lost problem", role: "alert"})

/** @type {ListenPage} */
const page = {
  main, room: "", key: "", offers: [], lessons: [], lesson: null, chosen: [], keys: {}, hidden: () => {}, busy: false,
  show(...children) {
    page.keys = {}
    page.hidden = () => {}
    const parts = children.filter((child) => child !== null && child !== false)
    main.replaceChildren(make("div", {class: "screen"}, ...parts), said)
    const head = main.querySelector("h1")
    head?.setAttribute("tabindex", "-1")
    head?.focus({preventScroll: true})
    window.scrollTo(0, 0)
  },
  say(text) {
    said.textContent = text
  },
  intro(offer) {
    introScreen(page, offer)
  },
  finished(offer, state) {
    return page.lesson ? partDone(page, state) : resultScreen(page, offer, state)
  },
  remembered: () => Object.fromEntries(new URLSearchParams(location.hash.slice(1))),
  remember(part) {
    const all = new URLSearchParams({...page.remembered(), ...part})
    for (const [name, value] of Object.entries(part)) if (!value) all.delete(name)
    const kept = String(all)
    history.replaceState(null, "", location.pathname + location.search + (kept ? `#${kept}` : ""))
  },
}

whenLost((text) => { if (lost.textContent !== text) lost.textContent = text })
document.body.append(lost)

window.addEventListener("beforeunload", (event) => { if (page.busy) event.preventDefault() })
document.addEventListener("visibilitychange", () => { if (document.hidden) page.hidden() })
window.addEventListener("hashchange", () => location.reload())
window.addEventListener("keydown", (event) => {
  const within = (/** @type {string} */ what) => event.target instanceof HTMLElement && event.target.closest(what)
  const inField = within("input:not([type=radio]), select, textarea, dialog")
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || inField) return
  if ((event.key === " " || event.key === "Enter") && within("button, a, summary")) return  // it is their own
  const run = page.keys[event.key]
  if (run) {
    event.preventDefault()
    run()
  } else if (event.key === "p") document.body.classList.toggle("presenting")
})

/** @param {unknown} problem */
function complain(problem) {
  if (!(problem instanceof Refused)) throw problem
  page.busy = false
  if (problem.unknown) page.remember({run: "", runs: ""})
  page.show(make("h1", {}, "This does not go on"), make("p", {class: "problem"}, problem.message),
    make("p", {}, button({class: "strong", onclick: () => location.reload()}, "Reload the page")))
}
window.addEventListener("unhandledrejection", (event) => {
  if (event.reason instanceof Refused) {
    event.preventDefault()
    complain(event.reason)
  }
})

async function open() {
  const {run, key} = page.remembered()
  document.querySelector(".top-bar")?.append(listenBar())
  main.replaceChildren(make("p", {class: "fine"}, "One moment …"))
  /** @type {Pick<ListenPage, "offers" | "lessons" | "lesson" | "chosen" | "room"> & {problem?: string}} */
  const answer = await ask({type: "open", link: location.search.slice(1)})
  const {offers, lessons, lesson, chosen, room} = answer
  Object.assign(page, {offers, lessons, lesson, chosen, room, key: key ?? ""})
  if (answer.problem) {
    chooseScreen(page, answer.problem)
    return
  }
  if (run) {
    try {
      /** @type {RunState & {offer: Offer}} */
      const state = await ask({type: "state", run})
      const offer = chosen.find((each) => each.link === state.link) ?? state.offer
      if (state.finished) await page.finished(offer, state)
      else runScreen(page, offer, state)
      return
    } catch (problem) {
      if (!(problem instanceof Refused)) throw problem
      page.remember({run: ""})
      page.say(problem.message)
    }
  }
  if (page.room && page.key) await roomScreen(page)
  else if (page.lesson) await lessonScreen(page)
  else if (page.chosen.length === 1) introScreen(page, page.chosen[0])
  else chooseScreen(page)
}

open().catch(complain)
