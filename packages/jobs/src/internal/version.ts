/** The version of this package, written by `pnpm version-packages`. */
export const version = "0.0.0"
