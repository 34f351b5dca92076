/** Which Node this program runs on. Loaded by any Node: nothing new in it, and no dependency. */

/** As `engines` in package.json has it. */
export const oldestNode = "22.19"

/** What to say to the user of a Node that is too old. */
export const complaintOf = (version: string): string | undefined => {
  const [major = 0, minor = 0] = version.split(".").map(Number)
  const [oldestMajor = 0, oldestMinor = 0] = oldestNode.split(".").map(Number)
  return major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)
    ? undefined
    : `holdfast needs Node.js ${oldestNode} or later, and this is ${version}`
}
