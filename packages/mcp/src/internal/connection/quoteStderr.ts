/**
 * What a server said, as far as a message has room for it: its first and its last words. Usage texts begin with what is wrong or end with
 * it; the frames of a stack, behind which its error would be lost, are counted.
 */
export const quoteStderr = (text: string): string => {
  const words = text.trim().replaceAll(
    frames,
    (all, first: string) => `${first}\n    (${all.trimEnd().split("\n").length - 1} frames more)\n`
  ).trimEnd()
  const omitted = words.length - mostFirst - mostLast
  return JSON.stringify(
    omitted <= 0 ? words : `${words.slice(0, mostFirst)} … (${omitted} characters) … ${words.slice(-mostLast)}`
  )
}

const mostFirst = 300
const mostLast = 500

/** Of JavaScript and of Java: three or more in a row. */
const frames = /^([ \t]+at .+)(?:\n[ \t]+at .+){2,}(?:\n|$)/gm
