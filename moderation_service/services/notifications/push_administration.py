"""What an operator may do about push: try a moderator's places out."""

from dataclasses import dataclass

from moderation_service.domain.accounts.sites import Moderator, Site, Sites


class NoSuchModeratorError(Exception):
    """No moderator of the sites file has that name, or several have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A moderator of a site, by the name that commands have for both."""

    site: Site
    moderator: Moderator

    @property
    def name(self) -> str:
        """Return the name, as `site/moderator`."""
        return f"{self.site.id}/{self.moderator.id}"


def find(sites: Sites, wanted: str) -> Role:
    """Return the moderator named as `site/moderator`, or by their own id alone where no other has that."""
    listed = [Role(site=site, moderator=one) for site in sites for one in site.moderators]
    matches = [one for one in listed if wanted in (one.name, one.moderator.id)]
    if len(matches) != 1:
        known = ", ".join(sorted(one.name for one in matches or listed)) or "none"
        few = "Several moderators are" if matches else "No moderator of the sites file is"
        raise NoSuchModeratorError(f"{few} called {wanted!r}; there are: {known}.")
    return matches[0]
