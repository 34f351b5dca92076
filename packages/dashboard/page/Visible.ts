/**
 * Text of others as it is: what would change how the text around it is read, or is not seen at all, is shown by its number.
 *
 * Line feeds and tabs stay. So do joiners, which are parts of letters in some scripts.
 */
export const visible = (text: string): string =>
  text.replaceAll("\r\n", "\n").replaceAll(hidden, (character) => {
    const code = character.codePointAt(0) ?? 0
    return `⟨U+${code.toString(16).toUpperCase().padStart(4, "0")}⟩`
  })

/** Controls; marks and overrides of direction; what has no width; separators of lines; tags. */
const hidden =
  // oxlint-disable-next-line no-control-regex
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2064\u2066-\u206f\ufeff]|[\u{e0000}-\u{e007f}]/gu
