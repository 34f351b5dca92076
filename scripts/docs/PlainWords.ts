/**
 * Words that make a sentence hard to read, in documents, comments and messages.
 *
 * The subject of a sentence is a noun: the server, the pool, the caller. "Who", "whoever", "nobody" and "somebody" make the reader look for it.
 * "Who" may follow a word for people, as in "users who have no shell".
 */

const word = /\b(who|whoever|whom|nobody|somebody|anybody)\b/gi

const afterPeople =
  /\b(people|persons?|users?|authors?|readers?|operators?|maintainers?|developers?|reviewers?|newcomers?|those|owners?|team)\s+$/i

/** The first such word of a text, and `undefined` if there is none. */
export const unplainWord = (text: string): string | undefined => {
  for (const match of text.matchAll(word)) {
    if (match[0].toLowerCase() === "who" && afterPeople.test(text.slice(0, match.index))) continue
    return match[0]
  }
  return undefined
}

/** What to do about it. */
export const plainer = (found: string): string =>
  `"${found}": name the thing (the server, the caller, no client, another user)`
