// The query of the page's address. The server writes it; the page adds what the server has not answered yet.

/** @import {Values} from "./types" */

/**
 * Put values that are under way into a link, so that a reload loses none of them.
 * @param {string} link a query without its question mark
 * @param {Values} underWay
 * @returns {string}
 */
export function withUnderWay(link, underWay) {
  const pairs = link ? link.split("&") : []
  for (const [key, value] of Object.entries(underWay)) {
    const pair = new URLSearchParams({[key]: String(value)}).toString().replaceAll("%2C", ",")
    const place = pairs.findIndex((each) => new URLSearchParams(each).has(key))
    if (place < 0) pairs.push(pair)
    else pairs[place] = pair
  }
  return pairs.join("&")
}
