/** The documentation of a source file as a page: the text of its comments, each line where it was, and nothing else. */
export const commentsOf = (source: string): string => {
  let isInside = false
  return source.split("\n").map((line) => {
    if (/^\s*\/\*\*/.test(line)) isInside = !line.includes("*/")
    else if (isInside && line.trimEnd().endsWith("*/")) isInside = false
    else if (isInside) return line.replace(/^\s*\* ?/, "")
    return ""
  }).join("\n")
}
