// Google's library without a key asks the metadata server for one, under a name and an address of its own.
import { google } from 'googleapis';

try {
  await new google.auth.GoogleAuth({ scopes: 'https://www.googleapis.com/auth/drive' }).getAccessToken();
  process.stdout.write('got a token\n');
} catch (error) {
  process.stdout.write(`gave up: ${error.message}\n`);
}
