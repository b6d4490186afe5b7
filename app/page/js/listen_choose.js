// Which experiment, what to do in it, the volume; and for teachers its settings, its link and a room.

/** @import {ListenPage, Offer, OfferSetting, RunState} from "./types" */

import {button, counted, freshId, make} from "./dom.js"
import {Refused, ask, fetchSound} from "./listen_ask.js"
import {checkScreen} from "./listen_check.js"
import {PRACTICE, runScreen} from "./listen_run.js"
import {sharing} from "./listen_share.js"
import {playSound} from "./listen_sound.js"

/**
 * @param {ListenPage} page
 * @param {string} [problem] of the link that led here
 */
export function chooseScreen(page, problem) {
  const inRoom = page.room !== "" && page.chosen.length > 0
  const offers = inRoom ? page.chosen : page.offers
  const cards = offers.map((offer) => make("li", {},
    inRoom
      ? button({class: "card", onclick: () => introScreen(page, offer)}, ...cardOf(offer.asks, offer.name, offer.minutes))
      : make("a", {class: "card", href: `listen?${offer.link}`}, ...cardOf(offer.asks, offer.title, offer.minutes))))
  page.show(
    make("h1", {}, inRoom ? "Your room" : "You and a model take the same test"),
    problem ? make("p", {class: "problem", role: "alert"}, problem) : null,
    make("p", {}, inRoom
      ? "Choose the test that you were asked to take. Nothing is sent before you press Send at its end."
      : "Each test takes a few minutes: sounds, a question, keys 1 to 3. At the end you see your threshold, that of a model " +
        "of the ear that took the same test, and what is known about people. Headphones and a quiet place help. For a class, choose a " +
        "lesson or test, and open a room there."),
    inRoom ? null : make("h2", {}, "Lessons: predict, listen, understand"),
    inRoom ? null : make("ul", {class: "tests"}, ...page.lessons.map((lesson) => make("li", {},
      make("a", {class: "card", href: `listen?lesson=${lesson.slug}`}, ...cardOf(lesson.question, lesson.title, lesson.minutes))))),
    inRoom ? null : make("h2", {}, "Single tests"),
    make("ul", {class: "tests"}, ...cards))
}

/** @param {string} asks @param {string} name @param {number} minutes @returns {Node[]} */
function cardOf(asks, name, minutes) {
  return [make("b", {}, asks), make("span", {class: "fine"}, `${name} · about\u00a0${minutes}\u00a0min`)]
}

const LOUDNESS = "Turn the volume of your device down, play the noise, and turn it up until the noise is comfortable, like " +
  "somebody talking beside you. Then leave the volume as it is: in the test, levels differ as they should, and nothing is " +
  "ever more than 17 dB stronger than this noise. Levels in dB SPL are those at " +
  "your ear if this noise has 65 dB SPL there."

/**
 * @param {ListenPage} page
 * @param {Offer} offer
 * @param {string} [checked] what the check of the headphones has found
 */
export function introScreen(page, offer, checked) {
  let ready = false
  /** @type {{stop: () => void} | null} */
  let noise = null
  const problem = make("p", {class: "problem", role: "alert"})
  const start = button({class: "strong go", disabled: true, onclick: () => {
    noise?.stop()
    void begin(page, offer, start, problem)
  }}, "Start")
  const hint = make("p", {class: "fine"}, "Set the volume first.")
  const volume = button({onclick: async () => {
    if (noise) {
      noise.stop()
      return
    }
    volume.textContent = "Stop the noise"
    const sound = await fetchSound({volume: true})
    let heard = false
    do {
      const playing = playSound(sound, () => {})
      noise = playing
      heard = await playing.done
      if (!ready) hint.textContent = ""
      ready = true
      start.disabled = offer.headphones && checked === undefined
      if (start.disabled) hint.textContent = "Check your headphones first."
    } while (heard && volume.isConnected)
    noise = null
    volume.textContent = "Play the noise"
  }}, "Play the noise")
  if (checked !== undefined) {
    ready = true
    start.disabled = false
    hint.textContent = ""
  }
  page.show(
    make("h1", {}, page.lesson ? partOf(page, offer) : offer.asks),
    make("p", {class: "lead"}, offer.instruction),
    make("p", {class: "fine"}, `${offer.title}: ${offer.intervals} intervals in each trial, about ${counted(offer.minutes, "minute")}. ` +
      `Answer by a press on a number or by the keys 1 to ${offer.intervals}; three trials of practice come first.`),
    make("h2", {}, "The volume"),
    make("p", {}, LOUDNESS),
    make("p", {class: "row"}, volume,
      button({onclick: () => { noise?.stop(); void checkScreen(page, (found) => introScreen(page, offer, found)) }},
        "Check the headphones")),
    checked ? make("p", {role: "status"}, checked) : null,
    make("p", {class: "row"}, start, hint),
    problem,
    page.room || page.lesson ? null : teaching(offer))
  page.keys = {Enter: () => { if (!start.disabled) start.click() }}
}

/** @param {ListenPage} page @param {Offer} offer a part of its lesson */
export function partOf(page, offer) {
  return `Part ${page.chosen.indexOf(offer) + 1} of ${page.chosen.length}: ${offer.name}`
}

/**
 * Begin a run.
 * @param {ListenPage} page
 * @param {Offer} offer
 * @param {HTMLButtonElement} pressed
 * @param {HTMLElement} problem where it is said if that is refused
 * @param {boolean} [knows] whether no practice comes first
 */
export async function begin(page, offer, pressed, problem, knows = false) {
  pressed.disabled = true
  try {
    /** @type {RunState} */
    const state = await ask({type: "begin", link: offer.link, room: page.room, lesson: page.lesson?.slug ?? ""})
    page.remember({run: state.run})
    runScreen(page, offer, knows ? {...state, practised: PRACTICE} : state, true)
  } catch (refused) {
    if (!(refused instanceof Refused)) throw refused
    pressed.disabled = false
    problem.textContent = refused.message
  }
}

/**
 * What a teacher does with an experiment: other settings, its link, a room.
 * @param {Offer} offer
 * @returns {HTMLElement}
 */
function teaching(offer) {
  /** @type {Record<string, () => string>} */
  const read = {}
  const fields = offer.settings.map((setting) => fieldOf(setting, read))
  const problem = make("p", {class: "problem", role: "alert"})
  const status = make("p", {role: "status"})
  const flags = offer.flags.map(([name, label, checked]) => {
    const id = freshId(name)
    const box = make("input", {type: "checkbox", id, checked})
    read[name] = () => (box.checked === (name === "feedback") ? "" : box.checked ? "1" : "0")
    return make("p", {class: "flag"}, box, make("label", {for: id}, label))
  })
  const changed = () => {
    const link = new URLSearchParams(offer.link)
    for (const [key, value] of Object.entries(read)) {
      if (value()) link.set(key, value())
      else link.delete(key)
    }
    return String(link)
  }
  /** @returns {Promise<string | null>} the link of these settings, where they are in order */
  const checked = async () => {
    problem.textContent = status.textContent = ""
    /** @type {{chosen: Offer[], problem?: string}} */
    const answer = await ask({type: "open", link: changed()})
    problem.textContent = answer.problem ?? ""
    return answer.problem ? null : answer.chosen[0].link
  }
  /** @param {(link: string) => unknown} run */
  const withChecked = (run) => async () => {
    const link = await checked()
    if (link !== null) run(link)
  }
  const links = new Set([offer.link])
  const list = make("ul", {class: "fine"})
  return make("details", {class: "teaching"}, make("summary", {}, "Settings, link, and a room for a class"),
    make("div", {class: "fields"}, ...fields),
    ...flags,
    make("p", {class: "row"},
      button({onclick: withChecked((link) => location.assign(`listen?${link}`))}, "Use these settings"),
      button({onclick: withChecked((link) => {
        links.add(link)
        list.replaceChildren(...[...links].map((each) => make("li", {}, each)))
        status.textContent = `${links.size} conditions for the room.`
      })}, "Add as another condition")),
    list, status, problem,
    sharing(checked, () => [...links]))
}

/**
 * @param {OfferSetting} setting
 * @param {Record<string, () => string>} read
 * @returns {HTMLElement}
 */
function fieldOf({key, label, value, choices, low, high, unit, whole}, read) {
  const id = freshId("setting")
  const box = choices
    ? make("select", {id}, ...choices.map((choice) => make("option", {selected: choice === value}, choice)))
    : make("input", {id, class: "edge", type: "number", min: String(low), max: String(high), step: whole ? "1" : "any",
      value: String(value)})
  read[key] = () => box.value
  const range = choices ? "" : ` (${low} to ${high}${unit ? ` ${unit}` : ""})`
  return make("p", {}, make("label", {for: id}, label + range), box)
}
