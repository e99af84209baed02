package api

import (
	"fmt"
	"net/http"

	"github.com/google/uuid"
	"github.com/maypok86/otter/v2"

	"meridian/internal/catalog"
)

// productAnswers keeps the encoded answers of products that are read often: encoding is a fifth of what a read out of
// memory costs. A product's version moves with everything its answer shows, as its ETag promises, so what is kept is
// never wrong and needs no forgetting.
type productAnswers struct {
	cache *otter.Cache[productVersion, []byte]
}

type productVersion struct {
	id      uuid.UUID
	version int64
}

// productAnswersBytes bounds what is kept.
const productAnswersBytes = 16 << 20

func newProductAnswers() (productAnswers, error) {
	cache, err := otter.New(&otter.Options[productVersion, []byte]{
		MaximumWeight: productAnswersBytes,
		Weigher:       func(_ productVersion, answer []byte) uint32 { return uint32(len(answer)) + 100 },
	})
	if err != nil {
		return productAnswers{}, fmt.Errorf("cache of answers: %w", err)
	}
	return productAnswers{cache}, nil
}

// write answers a product.
func (a productAnswers) write(w http.ResponseWriter, p catalog.Product) error {
	key := productVersion{id: p.ID, version: p.Version}
	if kept, ok := a.cache.GetIfPresent(key); ok {
		writeEncoded(w, http.StatusOK, kept)
		return nil
	}
	answer, err := encode(newProductResponse(p))
	if err != nil {
		return err
	}
	a.cache.Set(key, answer)
	writeEncoded(w, http.StatusOK, answer)
	return nil
}
