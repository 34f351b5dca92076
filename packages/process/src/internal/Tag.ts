/**
 * The mark that every child bears in its environment, and hands down to all that it starts: whose it is.
 *
 * `<runtime>.<number>.<policy>`: 128 random bits of the runtime that spawned it, the number of the spawn, and whether what
 * leaves the child's process group is to be ended with it (`kill`) or left alone (`group`).
 *
 * Promise: only a value of exactly this form is a tag. A value that merely looks like one belongs to another program.
 */

/** What becomes of those who leave the process group of their child. */
export type Policy = "kill" | "group"

export interface Tag {
  readonly runtime: string
  readonly number: number
  readonly policy: Policy
}

/** The variable that holds the tag. */
export const variable = "HOLDFAST_TAG"

export const format = (tag: Tag): string => `${tag.runtime}.${tag.number}.${tag.policy}`

export const parse = (text: string): Tag | undefined => {
  const [, runtime, number, policy] = pattern.exec(text) ?? []
  if (runtime === undefined || (policy !== "kill" && policy !== "group")) return undefined
  return { runtime, number: Number(number), policy }
}

export const isRuntimeId = (text: string): boolean => /^[0-9a-f]{32}$/.test(text)

const pattern = /^([0-9a-f]{32})\.([1-9][0-9]{0,14})\.(kill|group)$/
