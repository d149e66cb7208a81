// Load through the gateway, with limits that fail the run:
//
//   k6 run -e PROFILE=steady|steps|ramp [-e URL=http://127.0.0.1:8080/] [-e INSTANCES=a,b,c] [-e APIKEY=...] load.js
//
// steady: 10 users for a minute. steps: 10, 30, 60, 100 users, half a minute each. ramp: from 0 to 1000 users and back.
// INSTANCES: what the instances put into X-Instance-ID; each must serve its equal share, give or take two percent.
import http from 'k6/http';
import { check } from 'k6';
import { Rate } from 'k6/metrics';

const url = __ENV.URL || 'http://127.0.0.1:8080/';
const instances = (__ENV.INSTANCES || '').split(',').filter((name) => name !== '');
const headers = __ENV.APIKEY ? { apikey: __ENV.APIKEY } : {};

const profiles = {
  steady: { executor: 'constant-vus', vus: 10, duration: '1m' },
  steps: {
    executor: 'ramping-vus',
    startVUs: 10,
    stages: [10, 30, 60, 100].flatMap((target) => [
      { duration: '0s', target },
      { duration: '30s', target },
    ]),
  },
  ramp: {
    executor: 'ramping-vus',
    startVUs: 0,
    stages: [
      { duration: '30s', target: 100 },
      { duration: '1m', target: 500 },
      { duration: '1m', target: 1000 },
      { duration: '1m', target: 1000 },
      { duration: '30s', target: 0 },
    ],
  },
};

const profile = __ENV.PROFILE || 'steady';
if (!(profile in profiles)) {
  throw new Error(`PROFILE is one of ${Object.keys(profiles).join(', ')}, not ${profile}`);
}

// A metric's name takes letters, digits and underscores only.
const metric = (instance) => `share_of_${instance.replace(/\W/g, '_')}`;
const shares = new Map(instances.map((instance) => [instance, new Rate(metric(instance))]));
const fair = 1 / instances.length;

export const options = {
  scenarios: { [profile]: profiles[profile] },
  thresholds: {
    http_req_duration: ['p(95)<500'],
    http_req_failed: ['rate<0.01'],
    checks: ['rate>0.99'],
    ...Object.fromEntries(
      instances.map((instance) => [metric(instance), [`rate>${fair - 0.02}`, `rate<${fair + 0.02}`]]),
    ),
  },
};

export default function () {
  const answer = http.get(url, { headers });
  check(answer, {
    'the status is 200': () => answer.status === 200,
    'the answer carries a request id': () => answer.headers['X-Request-Id'] !== undefined,
  });
  for (const [instance, share] of shares) {
    share.add(answer.headers['X-Instance-Id'] === instance);
  }
}
