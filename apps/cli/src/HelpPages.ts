/** What `holdfast help` knows besides the words of the command line. */
export const pages: ReadonlyArray<string> = ["agents"]
