/** What Vite serves by its address; test/run.mjs puts its place on the disk instead. */
declare module '*?url' {
  const address: string;
  export default address;
}
