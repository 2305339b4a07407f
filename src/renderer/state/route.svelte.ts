/** Which page is shown: the address's hash, so that back, forward and reload do what people expect. */
export const pageNames = ['photos', 'jobs', 'models', 'settings'] as const;
export type PageName = (typeof pageNames)[number];

function pageOf(hash: string): PageName {
  return pageNames.find((name) => hash === `#/${name}`) ?? 'photos';
}

export function hrefOf(page: PageName): string {
  return page === 'photos' ? '#/' : `#/${page}`;
}

class Route {
  page = $state<PageName>(pageOf(location.hash));

  constructor() {
    addEventListener('hashchange', () => (this.page = pageOf(location.hash)));
  }

  go(page: PageName): void {
    if (pageOf(location.hash) !== page) location.hash = hrefOf(page);
    this.page = page;
  }
}

export const route = new Route();
