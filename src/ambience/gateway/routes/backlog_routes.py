"""The work that waits for services: how much, how fast it goes, what blocks it."""

from fastapi import APIRouter

from ambience.gateway.routes.schemas import BacklogAnswer, Stuck, Waiting
from ambience.library.library import Library
from ambience.web.addresses import API


def backlog_routes(library: Library) -> APIRouter:
    """Return the route ``/api/backlog``."""
    router = APIRouter(tags=["images"])
    services = {service.name: service for service in library.components.services}

    @router.get(f"{API}/backlog")
    def backlog() -> BacklogAnswer:
        """Say for each service how many images it still has to get, and how fast."""
        answer: dict[str, Waiting] = {}
        for name, state in library.components.backlog.states().items():
            status = services[name].status()
            paused = state.ended if state.waiting else ""
            if not status["available"]:
                paused = status["reason"]
            answer[name] = Waiting(
                waiting=state.waiting,
                rate=state.rate,
                remaining_s=None if paused and state.waiting else state.remaining_s,
                paused=paused or None,
                stuck=state.stuck,
                stuck_reasons=[
                    Stuck(reason=reason, count=count, image_id=first)
                    for reason, count, first in state.reasons
                ],
            )
        return BacklogAnswer(services=answer)

    return router
