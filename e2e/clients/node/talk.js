// How a program talks with its test: settings come as JSON in the environment,
// words go out on stdout, answers come in on stdin.
import readline from 'node:readline';

export const settings = JSON.parse(process.env.SETTINGS);

const answers = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();

export const say = (word, argument) => console.log(`${word} ${argument}`);

// open has the person open an address, and gives where that ended.
export async function open(address) {
  say('open', address);
  return new URL((await answers.next()).value);
}

export function done(result) {
  say('done', JSON.stringify(result));
  process.exit(0);
}
