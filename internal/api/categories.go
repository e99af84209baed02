package api

import (
	"net/http"

	"github.com/gorilla/mux"

	"meridian/internal/catalog"
)

// categoryResponse is a category by itself.
type categoryResponse struct {
	ID       string `json:"code"`
	ParentID string `json:"parent,omitzero"`
	Slug     string `json:"slug"`
	Name     string `json:"name"`
	Level    int64  `json:"level"`
}

func newCategoryResponse(c catalog.Category) categoryResponse {
	return categoryResponse{ID: c.ID, ParentID: c.ParentID, Slug: c.Slug, Name: c.Name, Level: c.Level}
}

func newCategoryResponses(categories []catalog.Category) []categoryResponse {
	answer := make([]categoryResponse, len(categories))
	for i, c := range categories {
		answer[i] = newCategoryResponse(c)
	}
	return answer
}

// categoryNode is a category with all below it.
type categoryNode struct {
	categoryResponse
	Children []categoryNode `json:"children"`
}

type categoryTreeResponse struct {
	Categories []categoryNode `json:"categories"`
}

func newCategoryNodes(tree *catalog.Tree, categories []catalog.Category) []categoryNode {
	nodes := make([]categoryNode, len(categories))
	for i, c := range categories {
		nodes[i] = categoryNode{newCategoryResponse(c), newCategoryNodes(tree, tree.Children(c.ID))}
	}
	return nodes
}

// listCategories answers the whole tree.
func (s *Server) listCategories(w http.ResponseWriter, r *http.Request) error {
	tree, err := s.Catalog.Categories(r.Context())
	if err != nil {
		return err
	}
	setAge(w, s.Catalog.Age())
	cachePublic(w, categoryMaxAge)
	if notModified(w, r, contentETag([]byte(tree.State))) {
		return nil
	}
	return writeJSON(w, http.StatusOK, categoryTreeResponse{Categories: newCategoryNodes(tree, tree.Roots())})
}

// placedCategoryResponse is a category and where it is in the tree.
type placedCategoryResponse struct {
	categoryResponse
	// Ancestors are from the root down, without itself.
	Ancestors []categoryResponse `json:"ancestors"`
	Children  []categoryResponse `json:"children"`
}

// getCategory answers one category, its ancestors and its children.
func (s *Server) getCategory(w http.ResponseWriter, r *http.Request) error {
	tree, err := s.Catalog.Categories(r.Context())
	if err != nil {
		return err
	}
	category, ok := tree.Get(mux.Vars(r)["category"])
	if !ok {
		return catalog.ErrNotFound
	}
	chain := tree.Ancestors(category.ID)
	setAge(w, s.Catalog.Age())
	cachePublic(w, categoryMaxAge)
	if notModified(w, r, contentETag([]byte(tree.State))) {
		return nil
	}
	return writeJSON(w, http.StatusOK, placedCategoryResponse{
		categoryResponse: newCategoryResponse(category),
		Ancestors:        newCategoryResponses(chain[:len(chain)-1]),
		Children:         newCategoryResponses(tree.Children(category.ID)),
	})
}

type categoriesRequest struct {
	Categories []categoryRequest `json:"categories"`
}

type categoryRequest struct {
	ID       string `json:"code"`
	ParentID string `json:"parent"`
	Name     string `json:"name"`
	Position int64  `json:"position"`
}

type categoriesChangedResponse struct {
	// Changed is how many categories were not so already.
	Changed int `json:"changed"`
}

// putCategories adds and changes categories, all of them or none.
func (s *Server) putCategories(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.require(r, roleAdmin); err != nil {
		return err
	}
	var body categoriesRequest
	if err := readJSON(r, &body); err != nil {
		return err
	}
	inputs := make([]catalog.CategoryInput, len(body.Categories))
	for i, c := range body.Categories {
		inputs[i] = catalog.CategoryInput(c)
	}
	changed, err := s.Catalog.UpsertCategories(r.Context(), inputs)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, categoriesChangedResponse{Changed: changed})
}
