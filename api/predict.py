"""POST /predict, GET /model/stats, GET and DELETE /model/cache: the model-service endpoints.

The same service and the same answers as :mod:`api.analysis`, in the shapes that clients of a model
service know; nothing is analysed or counted in another way.
"""

from __future__ import annotations

from typing import Any

from anyio import to_thread
from fastapi import APIRouter, Request

from api.analysis import answered
from api.answers import (
    CACHE_EXAMPLE,
    CLEARED_EXAMPLE,
    GUARDED,
    PREDICT_EXAMPLE,
    STATS_EXAMPLE,
    WITH_PHOTO,
    CacheAnswer,
    ClearedAnswer,
    PredictAnswer,
    StatsAnswer,
    answer,
    errors,
)
from api.face import Face, TheFace
from api.photos import Chosen, Upload, held_photo, photo_name

router = APIRouter(tags=["model service"])


@router.post(
    "/predict",
    summary="Find the holds of a photo",
    responses={200: answer(PredictAnswer, PREDICT_EXAMPLE), **errors(*WITH_PHOTO)},
)
async def predict(request: Request, face: TheFace, file: Upload, choices: Chosen) -> dict[str, Any]:
    """The holds alone, each as in the analysis document, with how the answer came about."""
    name = photo_name(file.filename)
    async with held_photo(file, face.held) as data:
        reply = (await answered(request, face, data, name, choices)).answer
    document = reply.analysis.document()
    photo, models = document["photo"], document["models"]
    return {
        "success": True,
        "predictions": document["holds"],
        "metadata": {
            "processing_time_ms": round(reply.processing_ms, 1),
            "image_size": [photo["width"], photo["height"]],
            "filename": photo["name"],
            "model_version": f"{models['detector']}+{models['colour']}",
            "cache_enabled": face.settings.enable_model_cache,
            "from_cache": reply.from_cache,
        },
    }


@router.get(
    "/model/stats",
    summary="Statistics",
    responses={200: answer(StatsAnswer, STATS_EXAMPLE), **errors(*GUARDED)},
)
async def stats(face: TheFace) -> dict[str, Any]:
    """What the service has done since it began, for all faces together."""
    statistics = face.service.statistics().document()
    return {"success": True, "statistics": statistics, "cache_info": cache_info(face)}


@router.get(
    "/model/cache",
    summary="The cache",
    responses={200: answer(CacheAnswer, CACHE_EXAMPLE), **errors(*GUARDED)},
)
async def read_cache(face: TheFace) -> dict[str, Any]:
    """How full the cache of results is, and how often it helped."""
    return {
        "success": True,
        "cache_enabled": face.settings.enable_model_cache,
        "cache_info": cache_info(face),
    }


@router.delete(
    "/model/cache",
    summary="Empty the cache",
    responses={200: answer(ClearedAnswer, CLEARED_EXAMPLE), **errors(*GUARDED)},
)
async def clear_cache(face: TheFace) -> dict[str, Any]:
    """Forget all results, those in Redis too. Needs a key, or the server's own machine."""
    cleared = await to_thread.run_sync(face.service.clear_cache, limiter=face.threads)
    return {"success": True, "cleared": cleared}


def cache_info(face: Face) -> dict[str, int]:
    """The cache in the four numbers of Python's ``functools.lru_cache``."""
    info = face.service.cache_info()
    return {
        "hits": info.hits,
        "misses": info.misses,
        "maxsize": info.maxsize,
        "currsize": info.currsize,
    }
