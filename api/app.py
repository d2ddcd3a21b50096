"""The composition root: settings in, a web application out."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from api import logs
from api.edge import Edge
from api.http_refusals import InternalError, InvalidParameter, MethodNotAllowed, NoSuchCall
from api.ledger import Ledger
from api.openapi import document
from api.problems import answer
from api.routes import of_service
from api.settings import Settings
from domain.refusals import Refusal


def create_app(settings: Settings | None = None) -> FastAPI:
    """The service, which opens its database when it starts and lets go of it when it stops."""
    settings = settings or Settings()
    logs.configure()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.ledger = await run_in_threadpool(Ledger.open, settings)
        yield
        await app.state.ledger.feeds.close()
        await run_in_threadpool(app.state.ledger.close)

    app = FastAPI(
        title="Runnotary",
        version=version("runnotary"),
        lifespan=lifespan,
        redirect_slashes=False,
        openapi_url=None,  # `api.routes.docs` has it, with an ETag
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.settings = settings
    app.state.routers = of_service(settings)
    for router in app.state.routers:
        app.include_router(router)
    app.add_middleware(Edge, body_bytes_max=settings.body_bytes_max)
    app.add_exception_handler(Refusal, refuse)
    app.add_exception_handler(RequestValidationError, refuse_parameters)
    app.add_exception_handler(HTTPException, refuse_request)
    app.openapi = lambda: document(app)  # type: ignore[method-assign]  # FastAPI's documented way
    return app


async def refuse(request: Request, error: Exception) -> Response:
    """Answer with a problem."""
    assert isinstance(error, Refusal)  # noqa: S101  # registered for nothing else
    return answer(error, instance=request.url.path, request_id=request.state.request_id)


async def refuse_parameters(request: Request, error: Exception) -> Response:
    """Answer with a problem where a parameter is not what the call takes."""
    assert isinstance(error, RequestValidationError)  # noqa: S101  # registered for nothing else
    # What is wrong with one of several values is wrong with the parameter.
    errors = [
        {"in": each["loc"][0], "name": str(each["loc"][:2][-1]), "detail": each["msg"]}
        for each in error.errors()
    ]
    return await refuse(request, InvalidParameter(errors))


def methods_of(request: Request) -> list[str]:
    """The methods that the path takes; the framework names those of one route only."""
    routers = request.app.state.routers
    routes = [*request.app.router.routes, *(route for router in routers for route in router.routes)]
    fitting = [
        route
        for route in routes
        if isinstance(route, Route) and route.matches(request.scope)[0] is Match.PARTIAL
    ]
    return sorted({method for route in fitting for method in route.methods or ()} - {"HEAD"})


async def refuse_request(request: Request, error: Exception) -> Response:
    """Answer with a problem where there is no such call."""
    assert isinstance(error, HTTPException)  # noqa: S101  # registered for nothing else
    match error.status_code:
        case 404:
            return await refuse(request, NoSuchCall(request.url.path))
        case 405:
            return await refuse(request, MethodNotAllowed(request.method, methods_of(request)))
        case _:
            return await refuse(request, InternalError(request.state.request_id))
